/**
 * The state of a job is a pure function of its journal. Every screen, the ledger and every decision read this state
 * and nothing else. An entry that breaks a rule is skipped and reported in `ignored`; it never makes a journal unreadable.
 */
import { assert } from '../base/assert.ts';
import type { JournalEntry } from '../contract/journal-entry.ts';
import { foldClaimed, foldEnd, foldPaused, foldReleased, foldRestored } from './fold-attempt.ts';
import {
  foldCheckpoint,
  foldFork,
  foldPin,
  foldQuarantine,
  foldQuarantineLifted,
  unexpiredForks,
  withoutCheckpoints,
} from './fold-checkpoints.ts';
import { foldPruneRequest, foldRequest, foldResume, foldSubmitted } from './fold-requests.ts';
import { whyVoid } from './invariants.ts';
import type { JobState } from './job-state.ts';
import { noStrikes } from './strikes.ts';

/** Grows whenever the same entries would fold to another state, so that no reader takes up the hint of another fold. */
export const foldVersion = 2;

/** Enough to see a pattern; the count tells how many there were. */
const ignoredKept = 8;

/** A job of which nothing is known: `sequence` 0. */
export function initialState(jobId: string): JobState {
  return {
    jobId,
    sequence: 0,
    status: 'queued',
    name: '',
    store: '',
    spec: null,
    submittedAt: null,
    forkedFrom: null,
    updatedAt: null,
    newestClaim: 0,
    claim: null,
    lastRelease: null,
    checkpoints: [],
    committed: 0,
    resumeFrom: null,
    reachedStep: 0,
    requests: { pause: false, cancel: false, prune: [] },
    strikes: noStrikes,
    end: null,
    lastTicketedAt: null,
    forks: [],
    totals: {
      claims: 0,
      interruptions: 0,
      silentDeaths: 0,
      checkpoints: 0,
      lostSteps: 0,
      attemptMs: 0,
      bytes: 0,
      newBytes: 0,
    },
    ignored: { count: 0, last: [] },
  };
}

/** Folds a whole journal, slot 1 first. Entries do not name their job, so that the state does only where `jobId` is given. */
export function fold(entries: Iterable<JournalEntry>, jobId = ''): JobState {
  let state = initialState(jobId);
  for (const entry of entries) state = foldEntry(state, entry);
  return state;
}

/** The state after the next slot. */
export function foldEntry(state: JobState, entry: JournalEntry): JobState {
  assert(entry.sequence === state.sequence + 1, 'slots are folded in order, none left out', {
    jobId: state.jobId,
    folded: state.sequence,
    next: entry.sequence,
  });
  const at = laterOf(state.updatedAt, entry.at);
  const next: JobState = {
    ...state,
    sequence: entry.sequence,
    updatedAt: at,
    forks: unexpiredForks(state.forks, at),
  };
  const why = whyVoid(state, entry);
  return why === undefined ? effectOf(next, entry, at) : ignoring(next, why);
}

function effectOf(state: JobState, entry: JournalEntry, at: string): JobState {
  switch (entry.kind) {
    case 'submitted':
      return foldSubmitted(state, entry, at);
    case 'claimed':
      return foldClaimed(state, entry, at);
    case 'restored':
      return foldRestored(state, entry);
    case 'checkpoint':
      return foldCheckpoint(state, entry, at);
    case 'released':
      return foldReleased(state, entry, at);
    case 'completed':
    case 'failed':
    case 'cancelled':
      return foldEnd(state, entry, at);
    case 'paused':
      return foldPaused(state, entry, at);
    case 'pause-requested':
    case 'cancel-requested':
      return foldRequest(state, entry);
    case 'resume-requested':
      return foldResume(state, entry);
    case 'pinned':
    case 'unpinned':
      return foldPin(state, entry);
    case 'prune-requested':
      return foldPruneRequest(state, entry);
    case 'pruned':
      return withoutCheckpoints(state, entry.checkpoints);
    case 'quarantined':
      return foldQuarantine(state, entry);
    case 'quarantine-lifted':
      return foldQuarantineLifted(state, entry);
    case 'forked':
      return foldFork(state, entry, at);
    case 'ticketed':
      return { ...state, lastTicketedAt: at };
  }
}

function ignoring(state: JobState, why: string): JobState {
  const { count, last } = state.ignored;
  return {
    ...state,
    ignored: {
      count: count + 1,
      last: [...last, { sequence: state.sequence, why }].slice(-ignoredKept),
    },
  };
}

/** Writers' clocks may disagree; the journal's time never runs backwards. */
function laterOf(before: string | null, at: string): string {
  return before !== null && Date.parse(before) > Date.parse(at) ? before : at;
}
