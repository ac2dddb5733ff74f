/** The part of the fold that concerns attempts: how one begins, where it starts, how it ends. */
import type { EntryOf } from '../contract/journal-entry.ts';
import type { JobState, OpenClaim } from './job-state.ts';
import { isFinished } from './status.ts';
import { strike } from './strikes.ts';

export function foldClaimed(state: JobState, entry: EntryOf<'claimed'>, at: string): JobState {
  const { sequence: token, ticket, instance, heardStep = 0 } = entry;
  const before = state.claim === null ? state : afterSilentDeath(state, state.claim, { heardStep, at });
  return {
    ...before,
    newestClaim: token,
    claim: { token, ticket, instance, at },
    // A claim of a finished job only tidies up (a paused job that is cancelled, a prune): nothing runs.
    status: isFinished(state.status) ? state.status : 'running',
    totals: { ...before.totals, claims: before.totals.claims + 1 },
  };
}

/** The open attempt ended without a word: its instance was lost, or its supervisor died. */
function afterSilentDeath(
  state: JobState,
  dead: OpenClaim,
  { heardStep, at }: { readonly heardStep: number; readonly at: string },
): JobState {
  // Tidying up a finished job trains nothing, so that its death says nothing about the program.
  if (isFinished(state.status)) return { ...state, claim: null };
  const step = Math.max(dead.step ?? 0, heardStep);
  return {
    ...state,
    claim: null,
    reachedStep: Math.max(state.reachedStep, step),
    strikes: strike(state.strikes, {
      cause: 'silence',
      step,
      instance: dead.instance.id,
      message: `the attempt on ${dead.instance.id} ended without a word (claim ${dead.token})`,
    }),
    totals: { ...state.totals, silentDeaths: state.totals.silentDeaths + 1, attemptMs: attemptMs(state, at) },
  };
}

export function foldRestored(state: JobState, entry: EntryOf<'restored'>): JobState {
  const { checkpoint, step } = entry;
  const { claim, totals } = state;
  return {
    ...state,
    claim: claim === null ? null : { ...claim, restored: { checkpoint, step }, step },
    reachedStep: step,
    totals: { ...totals, lostSteps: totals.lostSteps + Math.max(0, state.reachedStep - step) },
  };
}

export function foldReleased(state: JobState, entry: EntryOf<'released'>, at: string): JobState {
  const { cause, step, message } = entry;
  if (isFinished(state.status)) return { ...state, claim: null };
  const instance = entry.instance?.id ?? state.claim?.instance.id ?? 'unknown';
  const struck = cause === 'error' || cause === 'infrastructure' || cause === 'hung';
  const reached = Math.max(state.claim?.step ?? 0, step);
  const { totals } = state;
  return {
    ...state,
    status: 'interrupted',
    claim: null,
    lastRelease: { cause, step, message, at },
    reachedStep: Math.max(state.reachedStep, step),
    strikes: struck ? strike(state.strikes, { cause, step: reached, instance, message }) : state.strikes,
    totals: {
      ...totals,
      interruptions: totals.interruptions + (cause === 'interrupted' ? 1 : 0),
      attemptMs: attemptMs(state, at),
    },
  };
}

/** The time that attempts lasted, with the open one ended at `at`. A death in silence counts until it was noticed. */
function attemptMs({ claim, totals }: JobState, at: string): number {
  const since = claim === null ? Number.NaN : Date.parse(at) - Date.parse(claim.at);
  return totals.attemptMs + (since > 0 ? since : 0);
}

type EndingEntry = EntryOf<'completed'> | EntryOf<'failed'> | EntryOf<'cancelled'>;

/** `completed`, `failed` and `cancelled` end the attempt as well as the job, and answer every request. */
export function foldEnd(state: JobState, entry: EndingEntry, at: string): JobState {
  const { kind, step } = entry;
  return {
    ...state,
    status: kind,
    claim: null,
    totals: { ...state.totals, attemptMs: attemptMs(state, at) },
    reachedStep: Math.max(state.reachedStep, step),
    requests: { ...state.requests, pause: false, cancel: false },
    end: { kind, ...reasonOf(entry), step, at, metrics: kind === 'completed' ? entry.metrics : {} },
  };
}

function reasonOf(entry: EndingEntry): { readonly reason: string; readonly message: string } {
  switch (entry.kind) {
    case 'completed':
      return { reason: entry.reason, message: '' };
    case 'failed':
      return { reason: entry.reason, message: entry.message };
    case 'cancelled':
      return { reason: 'cancelled', message: 'cancelled on request' };
  }
}

/** Ends the attempt. A cancel request that came in the meantime stays. */
export function foldPaused(state: JobState, entry: EntryOf<'paused'>, at: string): JobState {
  return {
    ...state,
    status: 'paused',
    claim: null,
    totals: { ...state.totals, attemptMs: attemptMs(state, at) },
    reachedStep: Math.max(state.reachedStep, entry.step),
    requests: { ...state.requests, pause: false },
  };
}
