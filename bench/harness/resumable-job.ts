import { systemClock } from '../../lib/base/clock.ts';
import { readManifest } from '../../lib/checkpoint/read-manifest.ts';
import { restoreNewest } from '../../lib/checkpoint/restore.ts';
import { HostTrainer, isFirstStep } from './host-trainer.ts';
import { benchInstance, type ClaimedJob, claimAgain, claimedJob, pipelineOf } from './supervised-job.ts';
import type { CheckpointPipeline } from '../../job/checkpoint-pipeline.ts';
import { removeAttemptDirs } from '../../job/work-dirs.ts';
import type { World } from '../../job/world.ts';

/** A job with one committed checkpoint, resumed as often as wished. */
export interface ResumableJob {
  readonly job: ClaimedJob;
  readonly program: string;
  /** Keys of the checkpoint's chunks in the store. */
  readonly chunks: readonly string[];
  readonly bytes: number;
}

/** Trains for a moment with a state of `megabytes`, commits it, and ends the attempt. */
export async function resumableJob(
  world: World,
  one: { readonly program: string; readonly jobId: string; readonly megabytes: number },
): Promise<ResumableJob> {
  const job = await claimedJob(world, one.jobId, { megabytes: one.megabytes, tensors: 16 });
  const { program } = one;
  const host = new HostTrainer(job, program, { resuming: false });
  const pipeline = pipelineOf(job, host.trainer);
  host.listen((message) => pipeline.handle(message));
  host.trainer.send({ kind: 'fresh' });
  await host.saw('its first step', isFirstStep);
  return await resumableFrom({ job, program, host, pipeline });
}

/** Takes a last checkpoint of a job that trains, and ends the attempt. */
export async function resumableFrom(training: {
  readonly job: ClaimedJob;
  readonly program: string;
  readonly host: HostTrainer;
  readonly pipeline: CheckpointPipeline;
}): Promise<ResumableJob> {
  const { job, program, host, pipeline } = training;
  const { world, spec } = job;
  const answer = await pipeline.request('pause', { halt: false });
  if (answer.outcome !== 'committed') throw new Error(`the checkpoint was given up: ${answer.why}`);
  await host.stop();
  await pipeline.drained();
  await release(job);
  const { record } = answer;
  const signal = new AbortController().signal;
  const manifest = await readManifest(world, { jobId: spec.jobId, record, signal });
  const chunks = new Set(manifest.files.flatMap((file) => file.chunks.map(({ key }) => key)));
  return { job, program, chunks: [...chunks], bytes: record.bytes };
}

export interface Resumed {
  /** From the first look at the journal to the first step. */
  readonly elapsedMs: number;
  /** Until every byte was there and verified. */
  readonly restoredMs: number;
}

/**
 * What a worker does once it has a ticket: journal, claim, download, with the trainer starting beside it, until the first
 * step. The worker's process is warm, the trainer's is not.
 */
export async function resumeOnce(
  { job, program }: ResumableJob,
  whileUp?: () => Promise<void>,
): Promise<Resumed> {
  const { world, spec } = job;
  const startedMs = systemClock.monotonicMs();
  const claimed = { world, spec, ...(await claimAgain(world, spec)) };
  const host = new HostTrainer(claimed, program, { resuming: true });
  const signal = new AbortController().signal;
  const dir = claimed.dirs.restored;
  const result = await restoreNewest(claimed.claim, {
    ...world,
    receiverFor: (bytes) => world.transfer.receiverFor(bytes),
    dir,
    signal,
  });
  if (result.outcome !== 'restored') throw new Error('there was nothing to restore');
  const restoredMs = systemClock.monotonicMs() - startedMs;
  host.trainer.send({ kind: 'restore', dir, fork: false });
  await host.saw('its first step', isFirstStep);
  const elapsedMs = systemClock.monotonicMs() - startedMs;
  await whileUp?.();
  await host.stop();
  await release(claimed);
  return { elapsedMs, restoredMs };
}

/** Ends the attempt as a notice does, so that many attempts are no strikes, and gives its folders back. */
async function release({ claim, dirs }: ClaimedJob): Promise<void> {
  await claim.append(() => ({
    kind: 'released',
    cause: 'interrupted',
    step: 0,
    instance: benchInstance,
    message: 'the bench has seen enough',
  }));
  await removeAttemptDirs(dirs);
}
