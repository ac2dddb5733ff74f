import { exitCodes } from '../lib/contract/exit-codes.ts';
import type { JobStatus } from '../lib/journal/job-state.ts';

/** What a command that follows a job to its end returns. A paused job has not finished. */
export function exitCodeOfJob(status: JobStatus): number {
  switch (status) {
    case 'completed':
      return exitCodes.ok;
    case 'failed':
      return exitCodes.jobFailed;
    case 'cancelled':
      return exitCodes.jobCancelled;
    case 'queued':
    case 'running':
    case 'interrupted':
    case 'paused':
      return exitCodes.notFinished;
  }
}
