import { mkdir, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { resolve } from 'node:path';
import { HoldfastError, messageOf, remedyOf, UsageError } from '../lib/base/errors.ts';
import { jsonLog, type Log } from '../lib/base/log.ts';
import { retry } from '../lib/base/retry.ts';
import { chooseStagingDir } from '../lib/checkpoint/staging-place.ts';
import { workerExitCodes } from '../lib/contract/exit-codes.ts';
import type { Instance } from '../lib/contract/journal-entry.ts';
import type { Timers } from '../lib/contract/timers.ts';
import type { FleetMembership } from '../lib/fleet/fleet-membership.ts';
import { loneMachine } from '../lib/fleet/lone-machine.ts';
import { ImdsClient } from '../lib/interruption/imds-client.ts';
import type { NoticeWatch } from '../lib/interruption/notice-watch.ts';
import { readInstance } from '../lib/interruption/read-instance.ts';
import type { ObjectStore } from '../lib/store/object-store.ts';
import { probeConditionalWrites } from '../lib/store/probe-conditional-writes.ts';
import { FleetPlace } from './fleet-place.ts';
import { watchInterruption } from './watch-interruption.ts';
import { systemMeans, type WorkerMeans } from './worker-means.ts';
import { runWorker } from './worker.ts';

export interface WorkerSettings {
  readonly store: string;
  readonly queue: string;
  readonly workDir: string;
  readonly timers: Timers;
  /** Of the instance metadata service; undefined outside EC2. */
  readonly imdsEndpoint: string | undefined;
  /** Ends once the queue is empty. */
  readonly once: boolean;
  /** Ends after this long without a job; in a fleet it then takes its instance out. */
  readonly idleExitMs: number | undefined;
  /** The Auto Scaling group that this instance belongs to; without one nobody scales or replaces it. */
  readonly autoScalingGroup?: string | undefined;
  /** Runs before the first job is taken, and is disposed of after the last one. */
  readonly prepare?: PrepareWorker | undefined;
  /** One log line, newline included. */
  readonly writeLog: (line: string) => void;
}

/** What a machine does beside its jobs. Throws nothing: no job depends on it. */
export type PrepareWorker = (world: {
  readonly store: ObjectStore;
  readonly notices: NoticeWatch;
  readonly log: Log;
}) => Promise<AsyncDisposable>;

/**
 * A worker process from start to exit code: opens store, queue and watch, probes the store's promises, takes jobs.
 * Returns 0 drained, 75 handed over, 70 fault, 78 configuration: what a restart does not mend, as credentials that are not
 * there, or a bucket, key or queue that refuses them. At the start that is said at once; later it is borne for a minute.
 */
export async function runWorkerProcess(
  settings: WorkerSettings,
  means: WorkerMeans = systemMeans,
): Promise<number> {
  const log = jsonLog({ clock: means.clock, write: settings.writeLog });
  try {
    return await withWorld(settings, means, log);
  } catch (error) {
    const isConfiguration = remedyOf(error) === 'reject';
    log.error('worker-ended', {
      message: messageOf(error),
      ...(error instanceof HoldfastError && error.hint !== undefined && { next: error.hint }),
      remedy: remedyOf(error),
      ...(!isConfiguration && error instanceof Error && { stack: error.stack }),
    });
    return isConfiguration ? workerExitCodes.configuration : workerExitCodes.fault;
  }
}

async function withWorld(settings: WorkerSettings, means: WorkerMeans, log: Log): Promise<number> {
  const { timers, imdsEndpoint, once, idleExitMs } = settings;
  const { clock, random, openStore, startTrainer } = means;
  // First of all: a notice must not wait for a store to open.
  await using notices = watchInterruption({ imdsEndpoint, clock, log, timers });
  const workDir = await makeWorkDir(settings.workDir);
  const store = await openStore(settings.store);
  const queue = await means.openQueue(settings.queue);
  const stagingDir = await chooseStagingDir(workDir);
  const transfer = means.openTransfer({ address: settings.store, store, clock, random, log });
  try {
    // A store that is away for a moment must not cost the instance, which is replaced when its worker ends like this.
    await retry(() => probeConditionalWrites(store, random), {
      clock,
      random,
      onRetry: (error, attempt) => log.warn('store-not-ready', { attempt, message: messageOf(error) }),
    });
    const instance = await identify(imdsEndpoint, means);
    const membership = await openMembership(settings, instance);
    await using fleet = new FleetPlace({ membership, clock, log });
    await using _prepared = await settings.prepare?.({ store, notices, log });
    log.info('worker-started', { instance, store: store.uri, queue: queue.uri });
    const code = await runWorker(
      {
        store,
        queue,
        transfer,
        notices,
        fleet,
        clock,
        random,
        log,
        timers,
        instance,
        workDir,
        stagingDir,
        startTrainer,
        openStore,
      },
      { once, ...(idleExitMs !== undefined && { idleExitMs }) },
    );
    log.info('worker-ended', { code });
    return code;
  } finally {
    await transfer.close();
    await rm(stagingDir, { recursive: true, force: true });
    await Promise.all([store.close(), queue.close()]);
  }
}

async function makeWorkDir(dir: string): Promise<string> {
  const workDir = resolve(dir);
  try {
    await mkdir(workDir, { recursive: true });
    return workDir;
  } catch (cause) {
    throw new UsageError('the work folder cannot be made.', {
      facts: { workDir },
      hint: 'Name another one by --work-dir or HOLDFAST_WORK_DIR.',
      cause,
    });
  }
}

async function identify(imdsEndpoint: string | undefined, { clock, random }: WorkerMeans): Promise<Instance> {
  if (imdsEndpoint === undefined) return { id: hostname(), type: 'local', zone: 'local' };
  const client = new ImdsClient({ endpoint: imdsEndpoint, clock });
  // A metadata service that comes up after the worker must not cost the instance.
  return retry(() => readInstance(client), { clock, random });
}

/** @throws UsageError for a group without IMDS: what is not known by its id is no member */
async function openMembership(settings: WorkerSettings, instance: Instance): Promise<FleetMembership> {
  const { autoScalingGroup: group, imdsEndpoint } = settings;
  if (group === undefined) return loneMachine;
  if (imdsEndpoint === undefined) {
    throw new UsageError('a worker of an Auto Scaling group must know its instance.', {
      facts: { group },
      hint: 'Give it an instance metadata service (--imds), or no group.',
    });
  }
  const { openAutoScalingMembership } = await import('../lib/aws/auto-scaling-membership.ts');
  return openAutoScalingMembership({ group, instanceId: instance.id });
}
