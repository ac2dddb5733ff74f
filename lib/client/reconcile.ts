import { messageOf, type Remedy, remedyOf } from '../base/errors.ts';
import type { JobStatus } from '../journal/job-state.ts';
import { listJobIds } from '../journal/list-jobs.ts';
import { reconcileJob, type JobFinding } from './reconcile-job.ts';
import type { Region } from './region.ts';

export interface ReconcileReport {
  /** Jobs that were looked at. */
  readonly visited: number;
  /** False when the signal ended it before every job was looked at. What is left has its turn with the next call. */
  readonly isComplete: boolean;
  /** Jobs with an open attempt. */
  readonly running: number;
  /** Jobs whose end is `failed`. */
  readonly failed: number;
  /** Jobs that could run and have no live owner. */
  readonly waiting: readonly string[];
  /** Since the newest entry of the waiting job whose journal has been silent longest; 0 when none waits. */
  readonly longestWaitMs: number;
  /**
   * Since the newest checkpoint, or since the claim where that is later, of the running job for which it is most: what
   * the loss of its machine without any notice would cost. 0 when none runs.
   */
  readonly oldestCheckpointAgeMs: number;
  /** Jobs that were given a new ticket. */
  readonly ticketed: readonly string[];
  /** Requests that were answered in place of an owner. */
  readonly settled: ReadonlyArray<{ readonly jobId: string; readonly status: JobStatus }>;
  /** Checkpoints that were deleted because somebody had asked for it. */
  readonly pruned: ReadonlyArray<{ readonly jobId: string; readonly checkpoints: readonly string[] }>;
  /** Jobs that could not be tended to, each with its reason. They keep nobody from the others. */
  readonly troubles: readonly JobTrouble[];
}

export interface JobTrouble {
  readonly jobId: string;
  readonly message: string;
  /** `yield`: a newer Holdfast has written to the job, which is for a newer one to tend to. */
  readonly remedy: Remedy;
  readonly error: unknown;
}

/** Jobs that are looked at at a time: enough to hide the way to S3, little enough for any store. */
const lanes = 8;

/**
 * Repairs what no worker can see, since no ticket leads to it: a job that could run, has no live owner and whose journal
 * has been silent for 15 minutes is given a new ticket, once in 6 hours at most; pause, cancel and prune requests of jobs
 * without a live owner are answered. All ages are by the store's own clock. Safe to call at any time, by any number of
 * callers, with workers at work: what it writes goes through the journals.
 *
 * Costs three requests a job, and up to five more for one that could run. Each call begins at another job, so that
 * calls which always run out of time still come to every job in the end.
 * @param options.signal no further job is begun once it is aborted; the report then tells what was done
 * @param options.jobIds only these jobs
 * @throws TransientError, AccessDeniedError when the store cannot be listed; UsageError when the region has no queue
 */
export async function reconcile(
  region: Region,
  options: { readonly signal?: AbortSignal; readonly jobIds?: readonly string[] } = {},
): Promise<ReconcileReport> {
  const { signal = new AbortController().signal } = options;
  await region.queue();
  const listed = options.jobIds ?? (await listAll(region, signal));
  const isListed = options.jobIds !== undefined || !signal.aborted;
  const first = Math.floor(region.random.next() * listed.length);
  const ids = [...listed.slice(first), ...listed.slice(0, first)];
  const findings: JobFinding[] = [];
  const troubles: JobTrouble[] = [];
  const work = async (): Promise<void> => {
    while (!signal.aborted) {
      const jobId = ids.pop();
      if (jobId === undefined) return;
      try {
        const finding = await reconcileJob(region, jobId);
        if (finding !== undefined) findings.push(finding);
      } catch (error) {
        // One damaged journal, or one that is out of reach, must not stop the others.
        troubles.push({ jobId, message: messageOf(error), remedy: remedyOf(error), error });
      }
    }
  };
  await Promise.all(Array.from({ length: lanes }, work));
  return reportOf(findings, troubles, isListed && ids.length === 0);
}

async function listAll(region: Region, signal: AbortSignal): Promise<readonly string[]> {
  const ids: string[] = [];
  for await (const jobId of listJobIds(region.store)) {
    if (signal.aborted) break;
    ids.push(jobId);
  }
  return ids;
}

function reportOf(
  findings: readonly JobFinding[],
  troubles: readonly JobTrouble[],
  isComplete: boolean,
): ReconcileReport {
  const waiting = findings.filter(({ waitedMs }) => waitedMs !== undefined);
  return {
    visited: findings.length + troubles.length,
    isComplete,
    running: findings.filter(({ status }) => status === 'running').length,
    failed: findings.filter(({ status }) => status === 'failed').length,
    waiting: waiting.map(({ jobId }) => jobId).toSorted(),
    longestWaitMs: Math.max(0, ...waiting.map(({ waitedMs = 0 }) => waitedMs)),
    oldestCheckpointAgeMs: Math.max(0, ...findings.map(({ unsavedMs = 0 }) => unsavedMs)),
    ticketed: findings.flatMap(({ jobId, ticketed }) => (ticketed ? [jobId] : [])).toSorted(),
    settled: findings.flatMap(({ jobId, settled }) =>
      settled === undefined ? [] : [{ jobId, status: settled }],
    ),
    pruned: findings.flatMap(({ jobId, pruned }) =>
      pruned.length === 0 ? [] : [{ jobId, checkpoints: pruned }],
    ),
    troubles,
  };
}
