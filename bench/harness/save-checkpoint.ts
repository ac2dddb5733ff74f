import { commitCheckpoint } from '../../lib/checkpoint/commit.ts';
import type { CheckpointSource } from '../../lib/checkpoint/source.ts';
import { type UploadedCheckpoint, uploadCheckpoint } from '../../lib/checkpoint/upload.ts';
import type { KeepPolicySpec } from '../../lib/contract/job-spec.ts';
import type { ClaimedJob } from './supervised-job.ts';

export interface SavedCheckpoint {
  readonly source: CheckpointSource;
  /** Ordinal and step. */
  readonly ordinal: number;
  readonly parent: UploadedCheckpoint | undefined;
  readonly keep: KeepPolicySpec;
}

/** One checkpoint from its files to the journal, without a trainer and without threads. */
export async function saveCheckpoint(job: ClaimedJob, one: SavedCheckpoint): Promise<UploadedCheckpoint> {
  const { world, claim, spec } = job;
  const { source, ordinal, parent, keep } = one;
  const uploaded = await uploadCheckpoint({
    store: world.store,
    clock: world.clock,
    random: world.random,
    jobId: spec.jobId,
    name: { claim: claim.token, ordinal, step: ordinal },
    source,
    parent: parent?.manifest,
    epoch: 0,
    reason: 'policy',
    runtime: { backend: 'bench', versions: {}, arch: process.arch },
    compatibility: {},
    signal: new AbortController().signal,
  });
  await commitCheckpoint(claim, { uploaded, epoch: 0, example: 0, reason: 'policy', keep });
  return uploaded;
}
