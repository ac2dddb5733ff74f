import { ConflictError, UsageError } from '../base/errors.ts';
import type { CheckpointRecord, JobState } from '../journal/job-state.ts';
import { checkJobId } from './job-name.ts';
import { findCheckpointByName } from './find-checkpoint.ts';

/** A checkpoint of a job, as people type it. */
export interface ForkOrigin {
  readonly jobId: string;
  /** As in `findCheckpointByName`. */
  readonly checkpoint: string;
}

const form = 'Write JOB, JOB@STEP, JOB@best or JOB@CHECKPOINT.';

/**
 * Reads `JOB` or `JOB@CHECKPOINT`; without a checkpoint the one where a resume would begin is meant.
 * @throws UsageError for anything else
 */
export function parseForkOrigin(text: string): ForkOrigin {
  const [jobId = '', checkpoint = 'latest', ...more] = text.split('@');
  if (checkpoint === '' || more.length > 0)
    throw new UsageError(`not a checkpoint of a job: \`${text}\`.`, { hint: form });
  return { jobId: checkJobId(jobId), checkpoint };
}

/** Names that mean another checkpoint from one save to the next. */
const movingNames: ReadonlySet<string> = new Set(['latest', 'best']);

/** Whether the name means the same checkpoint for ever. */
export function isFixedName(checkpoint: string): boolean {
  return !movingNames.has(checkpoint);
}

/**
 * The checkpoint of the parent that a child begins with. A child that was begun keeps the one that it was begun with,
 * where the name can still mean that one.
 * @returns undefined where the child has its checkpoint already
 * @throws NotFoundError when the parent has no such checkpoint (any more); ConflictError when the child is another job
 */
export function originOf(
  parent: JobState,
  child: JobState,
  checkpoint: string,
): { readonly id: string; readonly step: number; readonly record: CheckpointRecord | undefined } {
  if (child.sequence === 0) {
    const record = findCheckpointByName(parent, checkpoint);
    return { id: record.id, step: record.step, record };
  }
  const { forkedFrom } = child;
  const isMeant =
    forkedFrom?.jobId === parent.jobId &&
    [...movingNames, forkedFrom.checkpoint, `step${forkedFrom.step}`, String(forkedFrom.step)].includes(
      checkpoint,
    );
  if (forkedFrom === null || !isMeant) {
    const what =
      forkedFrom === null ? 'which is no fork' : `forked from ${forkedFrom.jobId}@${forkedFrom.checkpoint}`;
    throw new ConflictError(`there is a job \`${child.jobId}\` already, ${what}.`, {
      hint: 'Choose another --id, or leave it out.',
    });
  }
  const { checkpoint: id, step } = forkedFrom;
  return { id, step, record: child.committed > 0 ? undefined : findCheckpointByName(parent, id) };
}
