import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { forkJob } from '../../lib/client/fork-job.ts';
import type { Region } from '../../lib/client/region.ts';
import { defaultTimers } from '../../lib/contract/timers.ts';
import { WorkerBench } from '../support/worker-bench.ts';

let bench: WorkerBench;
beforeEach(() => {
  bench = new WorkerBench();
});
afterEach(() => bench.dispose());

function region(): Region {
  const { store, queue, clock, random } = bench;
  return {
    place: { store: store.uri, queue: queue.uri, origin: 'flags', timers: defaultTimers },
    store,
    timers: defaultTimers,
    clock,
    random,
    queue: () => Promise.resolve(queue),
    close: () => Promise.resolve(),
  };
}

describe('a worker that is given a fork', () => {
  it('begins where the parent was, tells the trainer that it may differ, and from its own checkpoint on that it may not', async () => {
    await bench.submit('parent');
    const worker = await bench.begin();
    worker.trainer.train(10);
    worker.trainer.stage();
    await bench.until('the parent saves', async () => (await bench.state('parent')).committed === 1);
    worker.trainer.train(20);
    worker.trainer.finish();
    await bench.until('the parent ends', async () => (await bench.state('parent')).status === 'completed');

    await forkJob(region(), { from: { jobId: 'parent', checkpoint: 'step10' }, jobId: 'child', cwd: '/' });
    await bench.until('the child begins', () => worker.trainers.length === 2 && worker.trainer.begun);
    expect(worker.trainer.order.resuming).toBe(true);
    expect(worker.trainer.heard).toContainEqual(expect.objectContaining({ kind: 'restore', fork: true }));
    // A copy within the store says nothing about how long a save takes here.
    expect(worker.trainer.order.risk.flushSeconds).toBeUndefined();
    worker.trainer.train(15);
    worker.trainer.stage();
    await bench.until('the child saves', async () => (await bench.state('child')).committed === 2);
    worker.trainer.fail({ message: 'boom' });
    await bench.until('the child goes on', () => worker.trainers.length === 3 && worker.trainer.begun);
    expect(worker.trainer.heard).toContainEqual(expect.objectContaining({ kind: 'restore', fork: false }));
    const restored = (await bench.entries('child')).filter(({ kind }) => kind === 'restored');
    expect(restored).toMatchObject([{ step: 10 }, { step: 15 }]);
    expect((await bench.state('child')).totals).toMatchObject({ silentDeaths: 0, lostSteps: 0 });
  });
});
