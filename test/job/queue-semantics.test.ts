import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { UnfitError } from '../../lib/base/errors.ts';
import { seededRandom } from '../../lib/base/random.ts';
import { reconcile, type ReconcileReport } from '../../lib/client/reconcile.ts';
import { encodeTicket } from '../../lib/contract/ticket.ts';
import { defaultTimers, type Timers, timersFrom } from '../../lib/contract/timers.ts';
import type { JobQueue, QueueMessage } from '../../lib/queue/job-queue.ts';
import { MemoryJobQueue } from '../../lib/queue/memory-job-queue.ts';
import type { ObjectStore } from '../../lib/store/object-store.ts';
import { behindGate, withMethods } from '../support/with-methods.ts';
import { type BenchWorker, WorkerBench } from '../support/worker-bench.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

let bench: WorkerBench;
beforeEach(() => {
  bench = new WorkerBench();
});
afterEach(() => bench.dispose());

function reconciled(queue: JobQueue = bench.queue): Promise<ReconcileReport> {
  const { store, clock } = bench;
  return reconcile({
    place: { store: store.uri, queue: queue.uri, origin: 'flags', timers: defaultTimers },
    store,
    timers: defaultTimers,
    clock,
    random: seededRandom(1),
    queue: () => Promise.resolve(queue),
    close: () => Promise.resolve(),
  });
}

/** Days of bench time pass in reasonable time when nothing happens more often than every few minutes. */
const slowly: Timers = {
  ...timersFrom({ heartbeatMs: 10 * minuteMs, visibilityMs: 40 * minuteMs }),
  noticePollMs: 10 * minuteMs,
};
/** Less than a trainer may take for a step. */
const strideMs = 9 * minuteMs;

/** Lets a worker train for so long. Returns the last step. */
async function trainFor(worker: BenchWorker, ms: number): Promise<number> {
  // Time must not run away from the machine's files while a hand-over is under way.
  const isAtWork = (): boolean => {
    const newest = worker.trainers.at(-1);
    const isAsked = newest?.heard.some(({ kind }) => kind === 'checkpoint') ?? false;
    return newest !== undefined && newest.begun && !newest.killed && !isAsked;
  };
  let step = 0;
  for (let passedMs = 0; passedMs < ms; passedMs += strideMs) {
    await bench.clock.advance(strideMs);
    await bench.until('a trainer is at work', isAtWork);
    worker.trainer.train(++step);
    await bench.pass(1);
  }
  return step;
}

describe('a job of fifteen days', () => {
  const watched = (): { readonly queue: JobQueue; readonly lost: number[]; readonly receives: number[] } => {
    const lost: number[] = [];
    const receives: number[] = [];
    const queue = withMethods<JobQueue>(bench.queue, {
      receive: async (options) => {
        const message = await bench.queue.receive(options);
        if (message !== undefined) receives.push(message.receiveCount);
        return message;
      },
      changeVisibility: async (handle, ms) => {
        const outcome = await bench.queue.changeVisibility(handle, ms);
        if (outcome === 'lost') lost.push(bench.clock.monotonicMs());
        return outcome;
      },
    });
    return { queue, lost, receives };
  };

  it('gets a new ticket before eleven hours are over, so that neither 12 hours nor 14 days meet it', async () => {
    await bench.submit('job');
    const { queue, lost, receives } = watched();
    const worker = await bench.begin({ queue, timers: slowly });
    const step = await trainFor(worker, 15 * dayMs);
    const state = await bench.state('job');
    expect(state).toMatchObject({ status: 'running', strikes: { total: 0 }, totals: { silentDeaths: 0 } });
    // Fifteen days hold 32 times eleven hours.
    expect(state.totals.claims).toBeGreaterThanOrEqual(32);
    expect(state.totals.claims).toBeLessThanOrEqual(34);
    const ends = (await bench.entries('job')).filter(({ kind }) => kind === 'released');
    expect(new Set(ends.map((entry) => entry.kind === 'released' && entry.cause))).toEqual(
      new Set(['handover']),
    );
    expect(lost).toEqual([]);
    // A new ticket each time: the queue's own count of receives never rises.
    expect(new Set(receives)).toEqual(new Set([1]));
    worker.trainer.train(step + 1);
    worker.trainer.finish();
    await bench.until('it is completed', async () => (await bench.state('job')).status === 'completed');
    expect(await bench.queue.depth()).toEqual({ visible: 0, inFlight: 0, delayed: 0 });
  }, 60_000);

  it('would lose its ticket without that, which costs a hand-over and nothing else', async () => {
    await bench.submit('job');
    const { queue, lost } = watched();
    const worker = await bench.begin({ queue, timers: { ...slowly, handoverAfterMs: 20 * dayMs } });
    await trainFor(worker, 13 * hourMs);
    expect(lost).toHaveLength(1);
    expect(await bench.state('job')).toMatchObject({
      status: 'running',
      strikes: { total: 0 },
      lastRelease: { cause: 'handover' },
    });
  });
});

describe('a ticket that is gone', () => {
  it('because it waited for fourteen days, is sent again', async () => {
    await bench.submit('job');
    await bench.clock.advance(14 * dayMs);
    expect(await bench.queue.depth()).toEqual({ visible: 0, inFlight: 0, delayed: 0 });
    expect((await reconciled()).ticketed).toEqual(['job']);
    const worker = await bench.begin({ once: true });
    worker.trainer.train(1);
    worker.trainer.finish();
    expect(await bench.exitOf(worker)).toBe(0);
    expect((await bench.state('job')).status).toBe('completed');
  });

  it('because the queue was purged, is sent again for every job that waits, and for no other', async () => {
    for (const id of ['one', 'two', 'three', 'done']) await bench.submit(id);
    for (let message; (message = await bench.queue.receive({ waitMs: 0, visibilityMs: 1_000 }));)
      await bench.queue.delete(message.receiptHandle);
    await bench.queue.send(encodeTicket('done'));
    const worker = await bench.begin();
    worker.trainer.train(1);
    worker.trainer.finish();
    await bench.until('it is completed', async () => (await bench.state('done')).status === 'completed');
    await bench.clock.advance(15 * minuteMs);
    expect((await reconciled()).ticketed).toEqual(['one', 'three', 'two']);
  });

  it('with the whole queue under a worker at work, is sent to the new queue once the worker has let go', async () => {
    await bench.submit('job');
    let isGone = false;
    const queue = behindGate<JobQueue>(bench.queue, () =>
      isGone ? Promise.reject(new UnfitError('there is no such queue.')) : Promise.resolve(),
    );
    const worker = await bench.begin({ queue });
    worker.trainer.train(7);
    await bench.pass(1_000);
    isGone = true;
    const fresh = new MemoryJobQueue({ clock: bench.clock, name: 'fresh' });
    worker.announce(bench.spotNotice());
    expect(await bench.exitOf(worker)).toBe(75);
    expect((await bench.state('job')).checkpoints.at(-1)?.step).toBe(7);
    await bench.clock.advance(15 * minuteMs);
    expect((await reconciled(fresh)).ticketed).toEqual(['job']);
    const heir = await bench.begin({ queue: fresh });
    expect(heir.trainer.restoredFrom).toBeDefined();
  });
});

describe('thirty interruptions', () => {
  it('neither fail a job nor count as receives, however few its queue allows', async () => {
    await bench.submit('job', { ticket: false });
    const queue = new MemoryJobQueue({ clock: bench.clock, receivesMax: 1 });
    await queue.send(encodeTicket('job'));
    for (let count = 1; count <= 30; count++) {
      const worker = await bench.begin({ queue });
      // None of them gets any further than the one before.
      worker.trainer.train(1);
      worker.announce(bench.spotNotice());
      expect(await bench.exitOf(worker)).toBe(75);
    }
    expect(await bench.state('job')).toMatchObject({
      status: 'interrupted',
      totals: { interruptions: 30 },
      strikes: { total: 0 },
    });
    expect(await queue.deadLetters({ limit: 10 })).toEqual([]);
    const last = await bench.begin({ queue, once: true });
    last.trainer.train(2);
    last.trainer.finish();
    expect(await bench.exitOf(last)).toBe(0);
    expect((await bench.state('job')).status).toBe('completed');
  }, 30_000);
});

describe.each(['accepted', 'refused'] as const)('where stale handles are %s', (staleHandles) => {
  it('a zombie that finishes after the take-over ends neither the job nor its ticket', async () => {
    await bench.submit('job', { ticket: false });
    const queue = new MemoryJobQueue({ clock: bench.clock, staleHandles });
    await queue.send(encodeTicket('job'));
    let isFrozen = false;
    const gate = async (): Promise<void> => {
      while (isFrozen) await bench.clock.sleep(1_000);
    };
    const zombie = await bench.begin({
      store: behindGate<ObjectStore>(bench.store, gate),
      queue: behindGate<JobQueue>(queue, gate),
    });
    zombie.trainer.train(10);
    isFrozen = true;
    await bench.pass(125_000);
    const heir = await bench.begin({ queue });
    zombie.trainer.finish();
    isFrozen = false;
    await bench.until('the zombie gives up', () => zombie.trainer.killed);
    await bench.pass(5_000);
    expect((await bench.state('job')).status).toBe('running');
    expect(await queue.depth()).toEqual({ visible: 0, inFlight: 1, delayed: 0 });
    heir.trainer.train(20);
    heir.trainer.finish();
    await bench.until('it is completed', async () => (await bench.state('job')).status === 'completed');
    expect((await bench.state('job')).end?.step).toBe(20);
    expect((await bench.state('job')).ignored.count).toBe(0);
    await bench.until('no ticket is left', async () => (await queue.depth()).inFlight === 0);
  });
});

describe('a message that is delivered twice', () => {
  it('is one attempt: who comes second leaves it to who came first', async () => {
    await bench.submit('job');
    const delivered: QueueMessage[] = [];
    const queue = withMethods<JobQueue>(bench.queue, {
      receive: async (options) => {
        const [first] = delivered;
        if (first !== undefined && delivered.length === 1) {
          delivered.push(first);
          return first;
        }
        const message = await bench.queue.receive(options);
        if (message !== undefined) delivered.push(message);
        return message;
      },
    });
    const one = await bench.begin({ queue });
    const other = bench.start({ queue });
    await bench.until('it was delivered twice', () => delivered.length === 2);
    await bench.pass(30_000);
    expect(other.trainers).toHaveLength(0);
    expect((await bench.state('job')).totals.claims).toBe(1);
    one.trainer.train(1);
    one.trainer.finish();
    await bench.until('it is completed', async () => (await bench.state('job')).status === 'completed');
    await bench.until('no ticket is left', async () => (await bench.queue.depth()).inFlight === 0);
  });

  it('to a worker that finds the job done, is deleted', async () => {
    await bench.submit('job');
    await bench.queue.send(encodeTicket('job'));
    await bench.queue.send(encodeTicket('job'));
    const worker = await bench.begin({ once: true });
    worker.trainer.train(1);
    worker.trainer.finish();
    expect(await bench.exitOf(worker)).toBe(0);
    expect((await bench.state('job')).totals.claims).toBe(1);
  });
});
