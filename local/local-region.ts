import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Clock, pause } from '../lib/base/clock.ts';
import { UsageError } from '../lib/base/errors.ts';
import type { Log } from '../lib/base/log.ts';
import type { Random } from '../lib/base/random.ts';
import { removeStagingLeftovers } from '../lib/checkpoint/staging-place.ts';
import { openQueue } from '../lib/client/region.ts';
import type { Timers } from '../lib/contract/timers.ts';
import type { JobQueue } from '../lib/queue/job-queue.ts';
import type { FailureLimits } from './after-exit.ts';
import { interruptionPlan, type InterruptionPlanOptions } from './interruption-plan.ts';
import type { MarketEvent } from './market-event.ts';
import { RegionControl } from './region-control.ts';
import { RegionClaim } from './region-file.ts';
import { SpotMarket } from './spot-market.ts';

export interface LocalRegionOptions {
  /** Holds everything: `store/`, `queue/`, `instances/` and `region.json`. */
  readonly dir: string;
  readonly timers: Timers;
  /** Instances that are kept alive, 0 to 32. */
  readonly workers: number;
  /** From a notice to the end of the instance. */
  readonly noticeMs: number;
  /** From the launch of a replacement until its worker starts. @default 500 */
  readonly bootMs?: number;
  /** Limits the bandwidth of the workers' store, so that saves take time as they do over a network. */
  readonly storeBytesPerSecond?: number;
  /** What an instance runs, as `['node', 'dist/cli/main.js', 'worker']`. */
  readonly workerCommand: readonly string[];
  /** For every worker, beside what tells it where the region is. */
  readonly environment?: Readonly<Record<string, string>>;
  /** How often in a row workers may fail. */
  readonly failureLimits?: FailureLimits;
  /** Random interruptions; none by default. */
  readonly interruptions?: InterruptionPlanOptions;
  readonly onEvent?: (event: MarketEvent) => void;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

export interface LocalRegion extends AsyncDisposable {
  readonly storeUri: string;
  readonly queueUri: string;
  readonly market: SpotMarket;
  /** Takes every instance away. Store, queue and logs stay. */
  dispose(): Promise<void>;
}

/** Each worker is a process with a trainer and, soon, a model in memory. */
const workersMax = 32;

/**
 * Opens a region on this machine: a folder for objects, a folder for tickets, and a Spot market whose instances are
 * processes. Workers run the same code as on EC2, only behind other drivers. For development, demos, tests and work on a
 * single machine.
 *
 * What it does not emulate: capacity shortage and prices; instance types, zones and their failures (the names are there, one
 * machine stands behind them); the network, but for a bandwidth limit of the store; IAM and quotas; user data, AMIs and the
 * time that they take; lifecycle hooks, scale-in and zone rebalancing of EC2 Auto Scaling; CPU, memory and GPU limits of an
 * instance. Isolation: instances share the machine's users, files and ports.
 *
 * @throws ConflictError when a live process keeps a region in the same folder; a region that crashed is taken over
 * @throws UsageError when a number is out of its range
 */
export async function openLocalRegion(options: LocalRegionOptions): Promise<LocalRegion> {
  checkOptions(options);
  const { timers, noticeMs, clock, random, log, storeBytesPerSecond } = options;
  const dir = resolve(options.dir);
  const store = pathToFileURL(join(dir, 'store')).href;
  const queueUri = pathToFileURL(join(dir, 'queue')).href;
  const storeUri =
    storeBytesPerSecond === undefined ? store : `${store}?bytesPerSecond=${storeBytesPerSecond}`;
  const { heartbeatMs, visibilityMs } = timers;
  // The file names the store without the limit: it slows down instances, not the person who looks at their jobs.
  const facts = {
    store,
    queue: queueUri,
    heartbeatMs,
    visibilityMs,
    noticeMs,
    openedAt: clock.now().toISOString(),
  };
  const claim = await RegionClaim.take(dir, facts, { clock, random });
  const queue = lazyQueue(queueUri, { clock, random });
  const market = new SpotMarket({
    dir: join(dir, 'instances'),
    workers: options.workers,
    command: options.workerCommand,
    environment: {
      ...options.environment,
      HOLDFAST_STORE: storeUri,
      HOLDFAST_QUEUE: queueUri,
      HOLDFAST_HEARTBEAT_MS: String(heartbeatMs),
      HOLDFAST_VISIBILITY_MS: String(visibilityMs),
    },
    noticeMs,
    bootMs: options.bootMs ?? 500,
    clock,
    random,
    log,
    jobsWait: queue.hasVisible,
    ...(options.failureLimits === undefined ? {} : { failureLimits: options.failureLimits }),
    ...(options.onEvent === undefined ? {} : { onEvent: options.onEvent }),
  });
  const control = await RegionControl.start({ dir, market, random }).catch(async (error: unknown) => {
    await claim.release();
    throw error;
  });
  market.start();
  return new RunningRegion({
    claim,
    control,
    queue,
    storeUri,
    queueUri,
    market,
    clock,
    interruptions: options.interruptions,
  });
}

interface LazyQueue {
  hasVisible(this: void): Promise<boolean>;
  close(): Promise<void>;
}

/** The queue of the region, opened when it is first asked about: only regions whose workers drain need it. */
function lazyQueue(uri: string, ports: { readonly clock: Clock; readonly random: Random }): LazyQueue {
  let opened: Promise<JobQueue> | undefined;
  return {
    async hasVisible() {
      // One that could not be opened is opened anew at the next look.
      opened ??= openQueue(uri, ports).catch((error: unknown) => {
        opened = undefined;
        throw error;
      });
      return (await (await opened).depth()).visible > 0;
    },
    async close() {
      await (await opened)?.close();
    },
  };
}

interface RunningRegionParts {
  readonly claim: RegionClaim;
  readonly control: RegionControl;
  readonly queue: LazyQueue;
  readonly storeUri: string;
  readonly queueUri: string;
  readonly market: SpotMarket;
  readonly clock: Clock;
  readonly interruptions: InterruptionPlanOptions | undefined;
}

class RunningRegion implements LocalRegion {
  readonly storeUri: string;
  readonly queueUri: string;
  readonly market: SpotMarket;
  readonly #parts: RunningRegionParts;
  readonly #ended = new AbortController();
  readonly #interrupting: Promise<void>;

  constructor(parts: RunningRegionParts) {
    this.#parts = parts;
    this.storeUri = parts.storeUri;
    this.queueUri = parts.queueUri;
    this.market = parts.market;
    this.#interrupting = this.#interruptAsPlanned();
    // A fault in it is told when the region is disposed; until then it must not end the process.
    this.#interrupting.catch(() => undefined);
  }

  async dispose(): Promise<void> {
    this.#ended.abort();
    try {
      await this.#parts.control[Symbol.asyncDispose]();
      await this.market[Symbol.asyncDispose]();
      await this.#parts.queue.close();
      await this.#interrupting;
      // A machine that is lost takes its memory along; these processes left theirs behind.
      await removeStagingLeftovers();
    } finally {
      await this.#parts.claim.release();
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.dispose();
  }

  async #interruptAsPlanned(): Promise<void> {
    const { interruptions, clock } = this.#parts;
    if (interruptions === undefined) return;
    for (const { afterMs, kind, pick } of interruptionPlan(interruptions)) {
      if (!(await pause(clock, afterMs, this.#ended.signal))) return;
      const healthy = this.market.instances.filter(({ deadline }) => deadline === undefined);
      const chosen = healthy[Math.floor(pick * healthy.length)];
      // Nobody is there to be interrupted: the region is between two instances, or has ended.
      if (chosen === undefined) continue;
      if (kind === 'notice') this.market.interrupt(chosen.instance.id);
      else await this.market.kill(chosen.instance.id);
    }
  }
}

function checkOptions(options: LocalRegionOptions): void {
  const { workers, noticeMs, storeBytesPerSecond, interruptions, workerCommand } = options;
  const checks: ReadonlyArray<readonly [boolean, string]> = [
    [
      Number.isInteger(workers) && workers >= 0 && workers <= workersMax,
      `workers must be a whole number from 0 to ${workersMax}.`,
    ],
    [noticeMs >= 0 && Number.isFinite(noticeMs), 'the time of a notice must not be negative.'],
    [
      storeBytesPerSecond === undefined || (Number.isInteger(storeBytesPerSecond) && storeBytesPerSecond > 0),
      'the bandwidth of the store must be a whole number of bytes a second, at least 1.',
    ],
    [
      interruptions === undefined || interruptions.everyMs > 0,
      'the time between interruptions must be positive.',
    ],
    [
      interruptions === undefined || (interruptions.noNotice >= 0 && interruptions.noNotice <= 1),
      'the share of interruptions without notice must lie between 0 and 1.',
    ],
    [workerCommand.length > 0, 'the command of the workers is empty.'],
  ];
  const broken = checks.find(([holds]) => !holds);
  if (broken !== undefined) throw new UsageError(broken[1]);
}
