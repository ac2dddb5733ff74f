import type { EntryFacts } from '../contract/journal-entry.ts';
import type { JobState } from './job-state.ts';
import { isFinished } from './status.ts';
import { failureOf, shouldFail } from './strikes.ts';

/**
 * What the holder of a claim that does not train must append: an operator's request comes before the verdict of the
 * strikes, since whoever pauses a failing job wants to look at it. Undefined when the job should go on.
 */
export function settlementOf(state: JobState): EntryFacts | undefined {
  const { requests, reachedStep: step } = state;
  if (requests.cancel) return { kind: 'cancelled', step };
  if (isFinished(state.status)) return undefined;
  if (requests.pause) return { kind: 'paused', step };
  return shouldFail(state) ? failureOf(state) : undefined;
}
