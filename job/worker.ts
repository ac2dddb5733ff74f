import { AccessDeniedError, messageOf, remedyOf } from '../lib/base/errors.ts';
import { workerExitCodes } from '../lib/contract/exit-codes.ts';
import type { LatchedStop } from '../lib/interruption/notice-watch.ts';
import type { QueueMessage } from '../lib/queue/job-queue.ts';
import { Refusals } from './refusals.ts';
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
/** A worker that takes what is there asks whether that was all: a long poll of SQS, which asks all its servers, and no wait that a person sees. */
const onceWaitMs = 1_000;
/** A queue that cannot be read is asked again after this: the SDK and the local queue answer at once when they are back. */
const receiveRetryMs = 5_000;

/**
 * Takes jobs until a notice, a broken machine, an old launch template or an empty queue ends it. Returns the exit code: 0 drained, 75 handed over
 * after an interruption, 70 the machine looks broken.
 */
export async function runWorker(world: World, options: WorkerOptions = {}): Promise<number> {
  const stopping = new AbortController();
  const unsubscribe = world.notices.onStop(({ notice }) => {
    stopping.abort(new Error('the instance is going away'));
    void world.fleet.standDown({ isAwaited: notice.kind === 'target-lifecycle-state' });
  });
  try {
    await readEverySource(world);
    return await takeJobs(world, options, stopping.signal);
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
  // The store has answered its probe; that the queue is the right one only its first answer shows.
  const fromQueue = new Refusals(world, { stopping, everAllowed: false });
  const fromStore = new Refusals(world, { stopping, everAllowed: true });
  while (!stopping.aborted) {
    const untilExitMs = Math.max(0, idleSinceMs + idleExitMs - world.clock.monotonicMs());
    const waitMs = once ? Math.min(onceWaitMs, untilExitMs) : untilExitMs;
    const message = await receive(world, { waitMs, stopping, refusals: fromQueue });
    if (message === undefined) {
      if (once && !stopping.aborted && (await isEmpty(world))) return workerExitCodes.drained;
      world.fleet.idles();
      if (world.clock.monotonicMs() - idleSinceMs < idleExitMs) continue;
      if (await leaveIdle(world)) return workerExitCodes.drained;
      idleSinceMs = world.clock.monotonicMs();
      continue;
    }
    const settled = await runOne(world, message, fromStore);
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
  readonly refusals: Refusals;
}

async function receive(world: World, patience: Patience): Promise<QueueMessage | undefined> {
  const { waitMs, stopping, refusals } = patience;
  const { receiveWaitMs, visibilityMs } = world.timers;
  try {
    const message = await world.queue.receive({
      waitMs: Math.min(receiveWaitMs, waitMs),
      visibilityMs,
      signal: stopping,
    });
    refusals.forget();
    return message;
  } catch (error) {
    if (remedyOf(error) === 'reject') {
      await refusals.meet(error);
      return undefined;
    }
    if (remedyOf(error) !== 'retry') throw error;
    world.log.warn('receive-failed', { message: messageOf(error) });
    await world.clock.sleep(receiveRetryMs);
    return undefined;
  }
}

/** A queue that does not answer now is not known to be empty. */
async function isEmpty(world: World): Promise<boolean> {
  try {
    const { visible, inFlight, delayed } = await world.queue.depth();
    return visible + inFlight + delayed === 0;
  } catch (error) {
    if (remedyOf(error) !== 'retry') throw error;
    return false;
  }
}

/** A job that cannot even be claimed here goes back to the queue by itself; the worker lives on. */
async function runOne(
  world: World,
  message: QueueMessage,
  refusals: Refusals,
): Promise<Awaited<ReturnType<typeof runJob>>> {
  try {
    const settled = await runJob(world, message);
    refusals.forget();
    return settled;
  } catch (error) {
    const remedy = remedyOf(error);
    world.log.error('ticket-not-handled', { ticket: message.messageId, message: messageOf(error), remedy });
    if (remedy === 'crash') throw error;
    if (error instanceof AccessDeniedError) await refusals.meet(error);
    return 'declined';
  }
}

/** Idle when the notice came: an operator's SIGTERM just drains, an instance that is going must not start again. */
function exitCodeOf(stop: LatchedStop | undefined): number {
  return stop === undefined || stop.notice.kind === 'process-signal'
    ? workerExitCodes.drained
    : workerExitCodes.handedOver;
}
