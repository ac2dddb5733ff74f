/** The part of the fold that concerns operators: what they ask of a job, and what they are told about tickets. */
import type { EntryOf } from '../contract/journal-entry.ts';
import { findCheckpoint } from './fold-checkpoints.ts';
import type { JobState } from './job-state.ts';
import { isFinished } from './status.ts';
import { noStrikes } from './strikes.ts';

export function foldSubmitted(state: JobState, entry: EntryOf<'submitted'>, at: string): JobState {
  const { name, store, spec, forkedFrom = null } = entry;
  return { ...state, status: 'queued', name, store, spec, submittedAt: at, forkedFrom };
}

export function foldRequest(
  state: JobState,
  entry: EntryOf<'pause-requested'> | EntryOf<'cancel-requested'>,
): JobState {
  const { requests } = state;
  return entry.kind === 'pause-requested'
    ? { ...state, requests: { ...requests, pause: true } }
    : { ...state, requests: { ...requests, cancel: true } };
}

export function foldPruneRequest(state: JobState, entry: EntryOf<'prune-requested'>): JobState {
  const retained = entry.checkpoints.filter((id) => findCheckpoint(state, id) !== undefined);
  return {
    ...state,
    requests: { ...state.requests, prune: [...new Set([...state.requests.prune, ...retained])] },
  };
}

/** A failed or paused job is queued again; of a job that is not finished it withdraws a pause request. Strikes start anew. */
export function foldResume(state: JobState, entry: EntryOf<'resume-requested'>): JobState {
  const finished = isFinished(state.status);
  const target = entry.from === undefined ? undefined : findCheckpoint(state, entry.from);
  return {
    ...state,
    status: finished ? 'queued' : state.status,
    // Whoever tidied up a finished job trains nothing: the next attempt need not wait for it.
    claim: finished ? null : state.claim,
    spec: entry.spec ?? state.spec,
    resumeFrom: target?.id ?? state.resumeFrom,
    // Steps that an operator rolls back are given up on purpose; they are not lost.
    reachedStep: target?.step ?? state.reachedStep,
    strikes: noStrikes,
    requests: { ...state.requests, pause: false },
    end: null,
  };
}
