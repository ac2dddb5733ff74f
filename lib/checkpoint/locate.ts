import { resumeCandidates } from '../journal/fold-checkpoints.ts';
import type { CheckpointRecord, JobState } from '../journal/job-state.ts';
import { isUnfinishedFork } from '../journal/status.ts';

export type Located =
  /** The job has committed nothing yet: a fresh start is right. */
  | { readonly outcome: 'no-history' }
  /** The job is to begin with another job's checkpoint, which has not come yet: never a fresh start. */
  | { readonly outcome: 'unfinished-fork' }
  /** Where to resume and what to fall back to, best first. Empty when nothing can be used: then stop, never start over. */
  | { readonly outcome: 'history'; readonly chain: readonly CheckpointRecord[] };

/**
 * Where a resume begins. Newest is what was committed last, never what has the highest step, number, name or time; an
 * operator's `resumeFrom` comes before that, and what a roll-back left behind is never entered again.
 */
export function locateCheckpoints(state: JobState): Located {
  if (isUnfinishedFork(state)) return { outcome: 'unfinished-fork' };
  return state.committed === 0
    ? { outcome: 'no-history' }
    : { outcome: 'history', chain: resumeCandidates(state) };
}
