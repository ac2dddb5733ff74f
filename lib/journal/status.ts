import type { JobState, JobStatus } from './job-state.ts';

/** Nobody should work on such a job: its ticket may be deleted. A paused or failed one goes on after `resume-requested`. */
export function isFinished(status: JobStatus): boolean {
  switch (status) {
    case 'paused':
    case 'completed':
    case 'failed':
    case 'cancelled':
      return true;
    case 'queued':
    case 'running':
    case 'interrupted':
      return false;
  }
}

/** A fork whose first checkpoint is still being made: it must not begin afresh, and only its maker can bring it on. */
export function isUnfinishedFork({ forkedFrom, committed }: JobState): boolean {
  return forkedFrom !== null && committed === 0;
}

/** Whether an attempt may be begun: there are steps to do, and where there must be a checkpoint there is one. */
export function isStartable(state: JobState): boolean {
  return isClaimable(state) && !isUnfinishedFork(state);
}

/** Whether somebody may claim the job: there are steps to do, or a paused job waits to be cancelled. */
export function isClaimable(state: JobState): boolean {
  if (state.sequence === 0) return false;
  return !isFinished(state.status) || (state.status === 'paused' && state.requests.cancel);
}
