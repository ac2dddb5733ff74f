/** What operators ask of a job. Every request is safe to repeat. */
import { assert } from '../base/assert.ts';
import { pause } from '../base/clock.ts';
import { ConflictError } from '../base/errors.ts';
import type { JobSpec } from '../contract/job-spec.ts';
import type { JobState, JobStatus } from '../journal/job-state.ts';
import type { Journal } from '../journal/journal.ts';
import { requestCancel, requestPause, requestResume } from '../journal/requests.ts';
import { settleRequest } from '../journal/settle-request.ts';
import { isFinished } from '../journal/status.ts';
import { findCheckpointByName } from './find-checkpoint.ts';
import { loadSpec } from './load-spec.ts';
import { operator } from './operator.ts';
import { isSameJob, publishRevision } from './publish-spec.ts';
import { openExistingJob } from './read-job.ts';
import type { Region } from './region.ts';
import { sendTicket } from './send-ticket.ts';
import { tidyClaimOptions } from './tidy-claim.ts';

export interface RequestResult {
  /** False when it had been asked before, or held already. */
  readonly isNew: boolean;
  readonly state: JobState;
}

/** Saves the job and lets its machine go. Without a live owner it is paused at once, else as soon as the owner sees it. */
export async function pauseJob(region: Region, jobId: string): Promise<RequestResult> {
  const journal = await openExistingJob(region, jobId);
  const { entry } = await requestPause(journal, { by: operator() });
  return { isNew: entry !== undefined, state: await settleWithoutOwner(region, journal) };
}

/** Ends the job for good. Without a live owner it is cancelled at once, else as soon as the owner sees it. */
export async function cancelJob(region: Region, jobId: string): Promise<RequestResult> {
  const journal = await openExistingJob(region, jobId);
  const { entry } = await requestCancel(journal, { by: operator() });
  return { isNew: entry !== undefined, state: await settleWithoutOwner(region, journal) };
}

export interface ResumeOptions {
  /** A revision of the spec: a fixed program, other parameters. */
  readonly revise?: (spec: JobSpec) => Promise<JobSpec>;
  /** Roll back to this checkpoint: its id, `step120`, `best`. */
  readonly from?: string | undefined;
}

/**
 * Queues a paused or failed job again, and sends a ticket. Of a running job it withdraws a pause request.
 * @throws ConflictError when the job is running, or over
 * @throws NotFoundError when it has no checkpoint of that name
 */
export async function resumeJob(
  region: Region,
  jobId: string,
  { revise, from }: ResumeOptions = {},
): Promise<RequestResult> {
  const journal = await openExistingJob(region, jobId);
  refuseRunning(journal.state, revise !== undefined);
  const target = from === undefined ? undefined : findCheckpointByName(journal.state, from);
  const before = await specOf(region, journal.state);
  const spec = revise === undefined ? before : await revise(before);
  // Nothing is written before a queue is known to be there for the ticket.
  await region.queue();
  const ref = isSameJob(before, spec)
    ? undefined
    : await publishRevision(region.store, spec, journal.state.sequence + 1);
  const { entry, state } = await requestResume(journal, {
    by: operator(),
    ...(ref === undefined ? {} : { spec: ref }),
    ...(target === undefined ? {} : { from: target.id }),
  });
  if (!isFinished(state.status)) await sendTicket(region, spec);
  return { isNew: entry !== undefined, state };
}

/**
 * Queues a failed job again, with its strikes cleared. Repeating it only sends the ticket again.
 * @throws ConflictError when the job did not fail
 */
export async function retryJob(region: Region, jobId: string): Promise<RequestResult> {
  const { status } = (await openExistingJob(region, jobId)).state;
  if (status === 'failed' || status === 'queued') return resumeJob(region, jobId);
  throw new ConflictError(`job \`${jobId}\` is ${status}; only a failed job is tried again.`, {
    hint:
      status === 'paused'
        ? `\`holdfast resume ${jobId}\` goes on with it.`
        : `\`holdfast show ${jobId}\` tells more.`,
  });
}

/** Waits until the job's status is one of `wanted`, or it is over. */
export async function waitForJob(
  region: Region,
  jobId: string,
  options: { readonly wanted: readonly JobStatus[]; readonly signal: AbortSignal },
): Promise<JobState> {
  const { wanted, signal } = options;
  const journal = await openExistingJob(region, jobId);
  const isOver = ({ status }: JobState): boolean => isFinished(status) || wanted.includes(status);
  while (!isOver(await journal.peek({ signal }))) {
    if (!(await pause(region.clock, region.timers.requestsPollMs, signal))) break;
    await settleWithoutOwner(region, journal);
  }
  return journal.state;
}

/**
 * Answers a pending pause or cancel request for a job that nobody works on: claims it, which fences whoever may still
 * wake up, and settles what is asked. A live owner does it itself.
 */
async function settleWithoutOwner(region: Region, journal: Journal): Promise<JobState> {
  const options = tidyClaimOptions(region, journal.jobId, { ticket: 'operator', by: operator() });
  const { outcome } = await settleRequest(journal, options);
  if (outcome === 'given-back') await sendTicket(region, await specOf(region, journal.state));
  return journal.state;
}

/** A running job's spec stands: told before anything is written. */
function refuseRunning({ jobId, status }: JobState, revises: boolean): void {
  if (status !== 'running' || !revises) return;
  throw new ConflictError(`job \`${jobId}\` is running.`, {
    hint: `\`holdfast pause ${jobId} --wait\` stops it at a checkpoint first.`,
  });
}

async function specOf(region: Region, { spec, jobId }: JobState): Promise<JobSpec> {
  assert(spec !== null, 'a submitted job has a spec', { jobId });
  return loadSpec(region.store, spec);
}
