import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '../../lib/base/clock.ts';
import { sha256Hex } from '../../lib/base/digest.ts';
import { silentLog } from '../../lib/base/log.ts';
import { systemRandom } from '../../lib/base/random.ts';
import { type JobSpec, jobSpecSchema } from '../../lib/contract/job-spec.ts';
import { objectKeys } from '../../lib/contract/object-keys.ts';
import { encodeDocument } from '../../lib/contract/parse-document.ts';
import { defaultTimers } from '../../lib/contract/timers.ts';
import { loneMachine } from '../../lib/fleet/lone-machine.ts';
import { NoticeWatch } from '../../lib/interruption/notice-watch.ts';
import { type Claim, claimJob } from '../../lib/journal/claim.ts';
import { openJournal } from '../../lib/journal/journal.ts';
import { MemoryJobQueue } from '../../lib/queue/memory-job-queue.ts';
import type { ObjectStore } from '../../lib/store/object-store.ts';
import { CheckpointPipeline } from '../../job/checkpoint-pipeline.ts';
import { FleetPlace } from '../../job/fleet-place.ts';
import type { Trainer } from '../../job/trainer/trainer.ts';
import { openTransfer } from '../../job/transfer/open-transfer.ts';
import { type AttemptDirs, makeAttemptDirs } from '../../job/work-dirs.ts';
import type { World } from '../../job/world.ts';

export const benchInstance = { id: 'bench', type: 'bench', zone: 'bench-1a' } as const;

/** A world of this machine around a store, with nobody in it but the bench. */
export function benchWorld(store: ObjectStore, dirs: WorldDirs): World {
  const clock = systemClock;
  const log = silentLog;
  return {
    store,
    queue: new MemoryJobQueue({ clock }),
    transfer: openTransfer({ address: store.uri, store, clock, random: systemRandom, log }),
    notices: new NoticeWatch({ sources: [], clock, log, pollMs: defaultTimers.noticePollMs }),
    fleet: new FleetPlace({ membership: loneMachine, clock, log }),
    clock,
    random: systemRandom,
    log,
    timers: defaultTimers,
    instance: benchInstance,
    workDir: dirs.work,
    stagingDir: dirs.staging,
    startTrainer: () => {
      throw new Error('the bench starts its trainers itself');
    },
    openStore: () => Promise.reject(new Error('there is no other store')),
  };
}

export interface WorldDirs {
  readonly work: string;
  readonly staging: string;
}

/** A job that was submitted and claimed, with its folders. */
export interface ClaimedJob {
  readonly world: World;
  readonly spec: JobSpec;
  readonly claim: Claim;
  readonly dirs: AttemptDirs;
}

/** Submits a job of a TensorFlow.js program to the store of the world, and claims it. */
export async function claimedJob(
  world: World,
  jobId: string,
  params: Readonly<Record<string, unknown>> = {},
): Promise<ClaimedJob> {
  const spec = jobSpecSchema.parse({
    format: 1,
    jobId,
    name: jobId,
    createdAt: world.clock.now().toISOString(),
    program: { kind: 'training', sha256: '0'.repeat(64), source: 'bench', params, backend: 'wasm' },
    // Nothing is due by itself: the bench asks.
    save: { everySeconds: 1_000_000 },
  });
  const body = encodeDocument(spec);
  const ref = { key: objectKeys.spec(jobId, 1), sha256: sha256Hex(body) };
  await world.store.put(ref.key, body);
  const journal = await openJournal(world, jobId);
  await journal.append(() => ({
    kind: 'submitted',
    claim: null,
    name: jobId,
    store: world.store.uri,
    spec: ref,
  }));
  return { world, spec, ...(await claimAgain(world, spec)) };
}

/** What a replacement does: opens the journal, claims, and makes its folders. */
export async function claimAgain(
  world: World,
  { jobId, program }: Pick<JobSpec, 'jobId'> & { readonly program: Pick<JobSpec['program'], 'kind'> },
): Promise<Pick<ClaimedJob, 'claim' | 'dirs'>> {
  const journal = await openJournal(world, jobId);
  const result = await claimJob(journal, {
    ticket: 'bench',
    instance: benchInstance,
    isLive: () => Promise.resolve(false),
  });
  if (result.outcome !== 'claimed') throw new Error(`the job of the bench is ${result.outcome}`);
  const { claim } = result;
  await mkdir(world.stagingDir, { recursive: true });
  const { workDir, stagingDir } = world;
  return { claim, dirs: await makeAttemptDirs({ workDir, stagingDir, jobId, claim: claim.token, program }) };
}

/** Folders of a world below one of the bench. */
export function worldDirs(bench: { readonly dir: string; readonly memoryDir: string }): WorldDirs {
  return { work: join(bench.dir, 'work'), staging: join(bench.memoryDir, 'staging') };
}

/** The supervisor's half of every save, as an attempt sets it up. */
export function pipelineOf(
  job: Pick<ClaimedJob, 'world' | 'claim' | 'spec'>,
  trainer: Trainer,
): CheckpointPipeline {
  return new CheckpointPipeline(trainer, {
    world: job.world,
    claim: job.claim,
    keep: job.spec.keep,
    signal: new AbortController().signal,
    onCommitted() {},
    // Where a save breaks, whoever asked for it is told as well.
    onBroken() {},
  });
}
