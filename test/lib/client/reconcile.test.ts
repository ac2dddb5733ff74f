import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TransientError } from '../../../lib/base/errors.ts';
import { seededRandom } from '../../../lib/base/random.ts';
import { reconcile } from '../../../lib/client/reconcile.ts';
import type { Region } from '../../../lib/client/region.ts';
import { objectKeys } from '../../../lib/contract/object-keys.ts';
import { encodeTicket } from '../../../lib/contract/ticket.ts';
import { defaultTimers } from '../../../lib/contract/timers.ts';
import { openJournal } from '../../../lib/journal/journal.ts';
import { requestCancel, requestPause, requestPrune } from '../../../lib/journal/requests.ts';
import type { JobQueue } from '../../../lib/queue/job-queue.ts';
import type { ObjectStore } from '../../../lib/store/object-store.ts';
import { MemoryObjectStore } from '../../../lib/store/memory-object-store.ts';
import type { Clock } from '../../../lib/base/clock.ts';
import { withMethods } from '../../support/with-methods.ts';
import { WorkerBench } from '../../support/worker-bench.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const by = 'somebody';

let bench: WorkerBench;
beforeEach(() => {
  bench = new WorkerBench();
});
afterEach(() => bench.dispose());

/** Whose clock differs from the store's. */
function skewed(clock: Clock, ms: number): Clock {
  return withMethods<Clock>(clock, { now: () => new Date(clock.now().getTime() + ms) });
}

function regionOf(
  facts: {
    readonly store?: ObjectStore;
    readonly queue?: JobQueue;
    readonly seed?: number;
    readonly skewMs?: number;
  } = {},
): Region {
  const { store = bench.store, queue = bench.queue, seed = 1, skewMs = 0 } = facts;
  return {
    place: { store: store.uri, queue: queue.uri, origin: 'flags', timers: defaultTimers },
    store,
    timers: defaultTimers,
    clock: skewed(bench.clock, skewMs),
    random: seededRandom(seed),
    queue: () => Promise.resolve(queue),
    close: () => Promise.resolve(),
  };
}

const visible = async (): Promise<number> => (await bench.queue.depth()).visible;

describe('a job that waits without a ticket', () => {
  it('gets one when its journal has been silent for 15 minutes, and no sooner', async () => {
    await bench.submit('job', { ticket: false });
    await bench.clock.advance(15 * minuteMs - 1);
    expect(await reconcile(regionOf())).toMatchObject({ ticketed: [], waiting: ['job'], visited: 1 });
    await bench.clock.advance(1);
    const report = await reconcile(regionOf());
    expect(report).toMatchObject({ ticketed: ['job'], longestWaitMs: 15 * minuteMs, isComplete: true });
    expect(await bench.kinds('job')).toEqual(['submitted', 'ticketed']);
    const ticket = await bench.queue.receive({ waitMs: 0, visibilityMs: 1 });
    expect(ticket?.body).toBe(encodeTicket('job'));
  });

  it('gets one in six hours at most', async () => {
    await bench.submit('job', { ticket: false });
    let given = 0;
    for (let passedMs = 0; passedMs < 25 * hourMs; passedMs += 15 * minuteMs) {
      await bench.clock.advance(15 * minuteMs);
      given += (await reconcile(regionOf())).ticketed.length;
    }
    // At 0:15, 6:15, 12:15, 18:15 and 24:15.
    expect(given).toBe(5);
    expect(await visible()).toBe(5);
  });

  it('gets one from two that look at the same instant', async () => {
    for (let round = 1; round <= 10; round++) await bench.submit(`job-${round}`, { ticket: false });
    await bench.clock.advance(hourMs);
    const reports = await Promise.all([
      reconcile(regionOf({ seed: 1 })),
      reconcile(regionOf({ seed: 2 })),
      reconcile(regionOf({ seed: 3 })),
    ]);
    const given = reports.flatMap(({ ticketed }) => ticketed);
    expect(given.toSorted()).toEqual([...new Set(given)].toSorted());
    expect(given).toHaveLength(10);
    expect(await visible()).toBe(10);
  });

  it.each([-10 * minuteMs, 10 * minuteMs])(
    'gets it by the clock of the store, whatever this machine believes (%i ms off)',
    async (skewMs) => {
      await bench.submit('job', { ticket: false });
      await bench.clock.advance(14 * minuteMs);
      expect((await reconcile(regionOf({ skewMs }))).ticketed).toEqual([]);
      await bench.clock.advance(minuteMs);
      expect((await reconcile(regionOf({ skewMs }))).ticketed).toEqual(['job']);
      await bench.clock.advance(6 * hourMs - 1_000);
      expect((await reconcile(regionOf({ skewMs: -skewMs }))).ticketed).toEqual([]);
      await bench.clock.advance(2_000);
      expect((await reconcile(regionOf({ skewMs: -skewMs }))).ticketed).toEqual(['job']);
    },
  );

  it('has nothing written about it while the queue does not answer', async () => {
    await bench.submit('job', { ticket: false });
    await bench.clock.advance(hourMs);
    const queue = withMethods<JobQueue>(bench.queue, {
      depth: () => Promise.reject(new TransientError('the queue is out of reach.')),
    });
    const { troubles, ticketed } = await reconcile(regionOf({ queue }));
    expect([troubles.map(({ jobId }) => jobId), ticketed]).toEqual([['job'], []]);
    expect(await bench.kinds('job')).toEqual(['submitted']);
  });

  it('is sent its ticket again when the first try fails', async () => {
    await bench.submit('job', { ticket: false });
    await bench.clock.advance(hourMs);
    let tries = 0;
    const queue = withMethods<JobQueue>(bench.queue, {
      send: (...args) =>
        ++tries === 1 ? Promise.reject(new TransientError('cut off.')) : bench.queue.send(...args),
    });
    const pending = reconcile(regionOf({ queue }));
    await bench.pass(5_000);
    expect((await pending).ticketed).toEqual(['job']);
    expect(await visible()).toBe(1);
  });
});

describe('a job that somebody works on', () => {
  it('is left alone however rarely it saves, and tells how much it would lose', async () => {
    await bench.submit('job');
    const worker = await bench.begin();
    worker.trainer.train(1);
    worker.trainer.stage();
    await bench.until('saved', async () => (await bench.state('job')).checkpoints.length === 1);
    for (let minute = 0; minute < 20; minute++) {
      worker.trainer.train(minute + 2);
      await bench.pass(minuteMs);
    }
    const report = await reconcile(regionOf());
    expect(report).toMatchObject({ running: 1, waiting: [], ticketed: [] });
    expect(report.oldestCheckpointAgeMs).toBeGreaterThanOrEqual(20 * minuteMs);
    expect(report.oldestCheckpointAgeMs).toBeLessThan(21 * minuteMs);
  });

  it('gets a ticket once its owner has been silent for 15 minutes', async () => {
    await bench.submit('job', { ticket: false });
    const journal = await openJournal(bench, 'job');
    await journal.append(() => ({
      kind: 'claimed',
      claim: null,
      ticket: 'lost',
      instance: { id: 'i-1', type: 'test', zone: 'test-1a' },
    }));
    await bench.clock.advance(10 * minuteMs);
    expect(await reconcile(regionOf())).toMatchObject({ waiting: ['job'], ticketed: [], running: 1 });
    await bench.clock.advance(5 * minuteMs);
    expect((await reconcile(regionOf())).ticketed).toEqual(['job']);
  });

  it('keeps its request for its owner', async () => {
    await bench.submit('job');
    await bench.begin();
    await requestPause(await openJournal(bench, 'job'), { by });
    expect((await reconcile(regionOf())).settled).toEqual([]);
  });
});

describe('requests of a job without an owner', () => {
  it.each([
    ['paused', requestPause],
    ['cancelled', requestCancel],
  ] as const)('are answered: %s', async (status, request) => {
    await bench.submit('job', { ticket: false });
    await request(await openJournal(bench, 'job'), { by });
    const report = await reconcile(regionOf());
    expect(report.settled).toEqual([{ jobId: 'job', status }]);
    expect(await bench.state('job')).toMatchObject({ status, claim: null });
    expect((await reconcile(regionOf())).settled).toEqual([]);
  });

  it('delete checkpoints once, and give a job that is not over a ticket afterwards', async () => {
    await bench.submit('job');
    const worker = await bench.begin();
    for (const step of [1, 2]) {
      worker.trainer.train(step);
      worker.trainer.stage();
      await bench.until('saved', async () => (await bench.state('job')).checkpoints.length === step);
    }
    worker.announce(bench.spotNotice(5_000));
    expect(await bench.exitOf(worker)).toBe(75);
    const [first = '', second = ''] = (await bench.state('job')).checkpoints.map(({ id }) => id);
    await requestPrune(await openJournal(bench, 'job'), { checkpoints: [first], by });
    const before = await visible();
    const report = await reconcile(regionOf());
    expect(report.pruned).toEqual([{ jobId: 'job', checkpoints: [first] }]);
    const left = (await bench.state('job')).checkpoints.map(({ id }) => id);
    expect(left).toContain(second);
    expect(left).not.toContain(first);
    const page = await bench.store.list(`jobs/job/checkpoints/${first}/`);
    expect(page.objects).toEqual([]);
    expect(await bench.state('job')).toMatchObject({ status: 'interrupted', strikes: { total: 0 } });
    expect(await visible()).toBe(before + 1);
    const entries = (await bench.kinds('job')).length;
    await reconcile(regionOf());
    expect(await bench.kinds('job')).toHaveLength(entries);
  });
});

describe('trouble with one job', () => {
  it('keeps nobody from the others, and is told', async () => {
    for (const id of ['a', 'b', 'c', 'd']) await bench.submit(id, { ticket: false });
    await bench.store.put(objectKeys.journalEntry('b', 1), new TextEncoder().encode('{"format":1,'));
    await bench.store.put(objectKeys.journalEntry('c', 1), new TextEncoder().encode('{"format":99}'));
    await bench.store.delete([objectKeys.stateHint('b'), objectKeys.stateHint('c')]);
    await bench.clock.advance(hourMs);
    const report = await reconcile(regionOf());
    expect(report.ticketed).toEqual(['a', 'd']);
    expect(
      report.troubles
        .map(({ jobId, remedy }) => [jobId, remedy])
        .toSorted(([one = ''], [other = '']) => one.localeCompare(other)),
    ).toEqual([
      ['b', 'reject'],
      ['c', 'yield'],
    ]);
  });

  it('leaves the jobs of another store alone', async () => {
    await bench.submit('job', { ticket: false });
    await bench.clock.advance(hourMs);
    const copy = new MemoryObjectStore({ clock: bench.clock, name: 'copy' });
    for (const { key } of (await bench.store.list('jobs/')).objects)
      await copy.put(key, (await bench.store.get(key))?.body ?? new Uint8Array());
    await bench.clock.advance(hourMs);
    const { troubles, ticketed } = await reconcile(regionOf({ store: copy }));
    expect(troubles.map(({ message }) => message)).toEqual([expect.stringContaining('another store')]);
    expect(ticketed).toEqual([]);
  });
});

describe('a call', () => {
  it('looks at the named jobs alone', async () => {
    for (const id of ['a', 'b']) await bench.submit(id, { ticket: false });
    await bench.clock.advance(hourMs);
    expect(await reconcile(regionOf(), { jobIds: ['b'] })).toMatchObject({ visited: 1, ticketed: ['b'] });
  });

  it('begins no job once it is told to stop, and says that it did not come to all', async () => {
    for (let index = 0; index < 20; index++) await bench.submit(`job-${index}`, { ticket: false });
    await bench.clock.advance(hourMs);
    const stop = new AbortController();
    const queue = withMethods<JobQueue>(bench.queue, {
      send: async (...args) => {
        stop.abort();
        return bench.queue.send(...args);
      },
    });
    const report = await reconcile(regionOf({ queue }), { signal: stop.signal });
    expect(report.isComplete).toBe(false);
    // Those that were under way, one a lane, are finished.
    expect(report.visited).toBeGreaterThan(0);
    expect(report.visited).toBeLessThanOrEqual(8);
    expect(report.ticketed).toHaveLength(report.visited);
    expect(await visible()).toBe(report.visited);
  });

  it('costs few requests for jobs that need nothing', async () => {
    await bench.submit('job');
    const worker = await bench.begin();
    worker.trainer.train(1);
    worker.trainer.finish();
    await bench.until('completed', async () => (await bench.state('job')).status === 'completed');
    let requests = 0;
    const counted = withMethods<ObjectStore>(bench.store, {
      get: (...args) => (requests++, bench.store.get(...args)),
      list: (...args) => (requests++, bench.store.list(...args)),
    });
    await reconcile(regionOf({ store: counted }));
    expect(requests).toBeLessThanOrEqual(4);
  });
});
