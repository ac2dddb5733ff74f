import { pinCheckpoint as recordPin, unpinCheckpoint as recordUnpin } from '../journal/requests.ts';
import type { CheckpointRecord } from '../journal/job-state.ts';
import { findCheckpointByName } from './find-checkpoint.ts';
import { operator } from './operator.ts';
import { openExistingJob } from './read-job.ts';
import type { Region } from './region.ts';

export interface PinResult {
  readonly record: CheckpointRecord;
  /** False when it was so already. */
  readonly isNew: boolean;
}

/**
 * Keeps a checkpoint whatever the keep policy says, until it is unpinned. Safe to repeat, at any status of the job.
 * @param name an id, `step120`, `latest` or `best`
 * @throws NotFoundError when the job has no such checkpoint
 */
export async function pinCheckpoint(region: Region, jobId: string, name: string): Promise<PinResult> {
  return pin(region, { jobId, name, record: recordPin });
}

/**
 * Gives a pinned checkpoint back to the keep policy, which decides at the next save.
 * @throws NotFoundError when the job has no such checkpoint
 */
export async function unpinCheckpoint(region: Region, jobId: string, name: string): Promise<PinResult> {
  return pin(region, { jobId, name, record: recordUnpin });
}

async function pin(
  region: Region,
  wanted: { readonly jobId: string; readonly name: string; readonly record: typeof recordPin },
): Promise<PinResult> {
  const journal = await openExistingJob(region, wanted.jobId);
  const { id } = findCheckpointByName(journal.state, wanted.name);
  const { entry, state } = await wanted.record(journal, { checkpoint: id, by: operator() });
  return { record: findCheckpointByName(state, id), isNew: entry !== undefined };
}
