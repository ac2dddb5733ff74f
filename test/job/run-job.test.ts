import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { abortable } from '../../lib/base/deferred.ts';
import { TransientError } from '../../lib/base/errors.ts';
import type { ObjectStore } from '../../lib/store/object-store.ts';
import { withMethods } from '../support/with-methods.ts';
import { WorkerBench } from '../support/worker-bench.ts';

let bench: WorkerBench;
beforeEach(() => {
  bench = new WorkerBench();
});
afterEach(() => bench.dispose());

const outOfReach = (): Promise<never> => Promise.reject(new TransientError('the store is out of reach.'));

/** Rejections that nobody handled in time: each would end a worker's process. */
function unheardRejections(): readonly unknown[] {
  const unheard: unknown[] = [];
  const hear = (error: unknown): void => void unheard.push(error);
  process.on('unhandledRejection', hear);
  onTestFinished(() => void process.off('unhandledRejection', hear));
  return unheard;
}

describe('a store that is out of reach when an attempt ends', () => {
  it('ends neither the worker nor the job: the ticket comes back, and the job is claimed again', async () => {
    const unheard = unheardRejections();
    await bench.submit('job');
    let isAway = false;
    const store = withMethods<ObjectStore>(bench.store, {
      createIfAbsent: (...args) => (isAway ? outOfReach() : bench.store.createIfAbsent(...args)),
      // Segments take longer than the journal: closing the attempt is still under way when settling it has failed.
      put: async (...args) => {
        if (isAway) await bench.clock.sleep(120_000);
        return bench.store.put(...args);
      },
    });
    const worker = await bench.begin({ store });
    worker.trainer.train(10);
    isAway = true;
    worker.trainer.fail({ message: 'boom' });
    await bench.pass(60_000);
    isAway = false;
    await bench.until('it begins again', () => worker.trainers.length === 2 && worker.trainer.begun);
    expect(unheard).toEqual([]);
    expect(await bench.kinds('job')).toEqual(['submitted', 'claimed', 'restored', 'claimed', 'restored']);
  });
});

describe('inputs that take their time', () => {
  const input = { train: { uri: 'inputs/train', digest: 'a'.repeat(64) } };
  const slowly = (ms: number): ObjectStore =>
    withMethods<ObjectStore>(bench.store, {
      get: async (key, options) => {
        if (!key.startsWith('inputs/')) return bench.store.get(key, options);
        await abortable(bench.clock.sleep(ms), options?.signal ?? new AbortController().signal);
        return undefined;
      },
    });

  it('do not keep a notice from handing the job over, without a strike', async () => {
    await bench.submit('job', { inputs: input });
    const worker = bench.start({ store: slowly(3_600_000) });
    await bench.until('it is claimed', async () => (await bench.state('job')).status === 'running');
    await bench.pass(10_000);
    worker.announce(bench.spotNotice());
    await bench.pass(5_000);
    expect(await bench.exitOf(worker)).toBe(75);
    expect(await bench.state('job')).toMatchObject({ status: 'interrupted', strikes: { total: 0 } });
    expect((await bench.queue.depth()).visible).toBe(1);
  });

  it('may take longer than a trainer that says nothing', async () => {
    await bench.submit('job', { inputs: input });
    bench.start({ store: slowly(400_000) });
    await bench.until('the download ends', async () => (await bench.state('job')).end !== null);
    // Here the input is not there in the end: that is told, and no trainer that hung.
    expect((await bench.state('job')).end?.message).toContain('train');
    expect((await bench.state('job')).totals.claims).toBe(1);
  });
});
