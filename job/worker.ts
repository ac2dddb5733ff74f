import { messageOf, remedyOf } from '../lib/base/errors.ts';
import { workerExitCodes } from '../lib/contract/exit-codes.ts';
import type { LatchedStop } from '../lib/interruption/notice-watch.ts';
import type { QueueMessage } from '../lib/queue/job-queue.ts';
import { leaveIdle, makeWay } from './retirement.ts';
import { runJob } from './run-job.ts';
import type { World } from './world.ts';

export interface WorkerOptions {
  /** Ends with `drained` once the queue holds nothing at all, hidden messages included. @default false */
  readonly once?: boolean;
  /** Ends with `drained` once the queue has had no job for this long. @default never */
  readonly idleExitMs?: number;
}

/** After this many failures of the machine in a row, without a commit between, the instance is taken to be broken. */
const infrastructureFailuresMax = 2;
/** A queue that cannot be read is asked again after this: the SDK and the local queue answer at once when they are back. */
const receiveRetryMs = 5_000;

/**
 * Takes jobs until a notice, a broken machine, an old launch template or an empty queue ends it. Returns the exit code: 0 drained, 75 handed over
 * after an interruption, 70 the machine looks broken.
 */
export async function runWorker(world: World, options: WorkerOptions = {}): Promise<number> {
  const stopping = new AbortController();
  const unsubscribe = world.notices.onStop(() => {
    stopping.abort(new Error('the instance is going away'));
    void world.fleet.standDown();
  });
  try {
    await readEverySource(world);
    const code = await takeJobs(world, options, stopping.signal);
    // The hook holds the instance for our hand-over alone, and its time is paid for.
    if (world.notices.stop?.notice.kind === 'target-lifecycle-state') await world.fleet.completeTermination();
    return code;
  } finally {
    unsubscribe();
  }
}

/** A metadata service that cannot be read is asked this often before work is taken all the same: notices are best effort. */
const firstReadsMax = 5;

/** A machine that is about to go takes nothing, so that every source is read before the first receive. */
async function readEverySource(world: World): Promise<void> {
  for (let tries = 1; tries <= firstReadsMax; tries++) {
    const { unreadable } = await world.notices.readAll();
    if (unreadable.length === 0) return;
    world.log.warn('notices-unreadable', { sources: unreadable, tries });
    await world.clock.sleep(world.timers.noticePollMs);
  }
}

async function takeJobs(world: World, options: WorkerOptions, stopping: AbortSignal): Promise<number> {
  const { once = false, idleExitMs = Infinity } = options;
  let idleSinceMs = world.clock.monotonicMs();
  let failures = 0;
  while (!stopping.aborted) {
    const untilExitMs = Math.max(0, idleSinceMs + idleExitMs - world.clock.monotonicMs());
    const message = await receive(world, { waitMs: untilExitMs, stopping });
    if (message === undefined) {
      if (once && !stopping.aborted && (await isEmpty(world))) return workerExitCodes.drained;
      world.fleet.idles();
      if (world.clock.monotonicMs() - idleSinceMs < idleExitMs) continue;
      if (await leaveIdle(world)) return workerExitCodes.drained;
      idleSinceMs = world.clock.monotonicMs();
      continue;
    }
    const settled = await runOne(world, message);
    if (settled === 'handed-over') return workerExitCodes.handedOver;
    failures = settled === 'struck-by-infrastructure' ? failures + 1 : 0;
    if (failures >= infrastructureFailuresMax) {
      world.log.error('worker-retires', { failures });
      await world.fleet.reportUnhealthy();
      return workerExitCodes.fault;
    }
    if (settled === 'declined') continue;
    if (!stopping.aborted && (await makeWay(world))) return workerExitCodes.drained;
    idleSinceMs = world.clock.monotonicMs();
  }
  return exitCodeOf(world.notices.stop);
}

interface Patience {
  /** No longer than this, and no longer than one long poll. */
  readonly waitMs: number;
  readonly stopping: AbortSignal;
}

async function receive(world: World, { waitMs, stopping }: Patience): Promise<QueueMessage | undefined> {
  const { receiveWaitMs, visibilityMs } = world.timers;
  try {
    return await world.queue.receive({
      waitMs: Math.min(receiveWaitMs, waitMs),
      visibilityMs,
      signal: stopping,
    });
  } catch (error) {
    if (remedyOf(error) !== 'retry') throw error;
    world.log.warn('receive-failed', { message: messageOf(error) });
    await world.clock.sleep(receiveRetryMs);
    return undefined;
  }
}

async function isEmpty(world: World): Promise<boolean> {
  const { visible, inFlight, delayed } = await world.queue.depth();
  return visible + inFlight + delayed === 0;
}

/** A job that cannot even be claimed here goes back to the queue by itself; the worker lives on. */
async function runOne(world: World, message: QueueMessage): Promise<Awaited<ReturnType<typeof runJob>>> {
  try {
    return await runJob(world, message);
  } catch (error) {
    const remedy = remedyOf(error);
    world.log.error('ticket-not-handled', { ticket: message.messageId, message: messageOf(error), remedy });
    if (remedy === 'crash') throw error;
    return 'declined';
  }
}

/** Idle when the notice came: an operator's SIGTERM just drains, an instance that is going must not start again. */
function exitCodeOf(stop: LatchedStop | undefined): number {
  return stop === undefined || stop.notice.kind === 'process-signal'
    ? workerExitCodes.drained
    : workerExitCodes.handedOver;
}
