import { ConflictError, CorruptionError } from '../base/errors.ts';
import { silentLog } from '../base/log.ts';
import { readManifest } from '../checkpoint/read-manifest.ts';
import type { DownloadPorts } from '../checkpoint/verified-get.ts';
import type { Manifest } from '../contract/manifest.ts';
import type { CheckpointRecord } from '../journal/job-state.ts';
import { findCheckpointByName } from './find-checkpoint.ts';
import { openExistingJob } from './read-job.ts';
import type { Region } from './region.ts';

/** A committed checkpoint whose manifest has been read and checked. */
export interface OpenedCheckpoint {
  readonly jobId: string;
  readonly record: CheckpointRecord;
  readonly manifest: Manifest;
}

export interface CheckpointToOpen {
  readonly jobId: string;
  /** As people type it (`findCheckpointByName`). */
  readonly checkpoint: string;
  readonly signal: AbortSignal;
}

/** The store of a region, for reading checkpoints. What a retry rode out interests nobody who waits for the result. */
export function readingPorts({ store, clock, random }: Region): DownloadPorts {
  return { store, clock, random, log: silentLog };
}

/**
 * @throws NotFoundError for a job or checkpoint that is not there; CorruptionError for a damaged manifest; ConflictError
 * when it was dropped meanwhile
 */
export async function openCheckpoint(region: Region, wanted: CheckpointToOpen): Promise<OpenedCheckpoint> {
  const { jobId, checkpoint, signal } = wanted;
  const { state } = await openExistingJob(region, jobId);
  const record = findCheckpointByName(state, checkpoint);
  const manifest = await whileRetained(region, [{ jobId, record }], () =>
    readManifest(readingPorts(region), { jobId, record, signal }),
  );
  return { jobId, record, manifest };
}

/**
 * Reads what belongs to checkpoints. What is missing or damaged is told apart from what the job's owner has deleted
 * since: damage names the checkpoint and what to do.
 * @throws ConflictError when one of the checkpoints was dropped while it was read; what `read` throws
 */
export async function whileRetained<Result>(
  region: Region,
  checkpoints: readonly Pick<OpenedCheckpoint, 'jobId' | 'record'>[],
  read: () => Promise<Result>,
): Promise<Result> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof CorruptionError)) throw error;
    for (const { jobId, record } of checkpoints) {
      const { state } = await openExistingJob(region, jobId);
      if (state.checkpoints.some(({ id }) => id === record.id)) continue;
      throw new ConflictError(`checkpoint ${record.id} of job \`${jobId}\` was deleted while it was read.`, {
        hint: `\`holdfast checkpoints ls ${jobId}\` lists those that are kept.`,
        cause: error,
      });
    }
    const [first] = checkpoints;
    const names = checkpoints.map(({ jobId, record }) => `${record.id} of job ${jobId}`).join(' or ');
    throw new CorruptionError(`checkpoint ${names} is damaged: ${error.message}`, {
      cause: error,
      ...(first !== undefined && {
        hint: `\`holdfast checkpoints verify ${first.jobId} --all\` reads every byte and says which are whole.`,
      }),
    });
  }
}
