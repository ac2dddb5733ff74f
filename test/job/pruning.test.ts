import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TransientError } from '../../lib/base/errors.ts';
import { openJournal } from '../../lib/journal/journal.ts';
import { pinCheckpoint, requestPrune } from '../../lib/journal/requests.ts';
import type { ObjectStore } from '../../lib/store/object-store.ts';
import { withMethods } from '../support/with-methods.ts';
import { type BenchWorker, WorkerBench } from '../support/worker-bench.ts';

const by = 'ann';

let bench: WorkerBench;
beforeEach(() => {
  bench = new WorkerBench();
});
afterEach(() => bench.dispose());

/** Trains and saves until the job has so many checkpoints; their ids, the oldest first. */
async function saved(worker: BenchWorker, count: number): Promise<readonly string[]> {
  for (let step = 1; step <= count; step++) {
    worker.trainer.train(step);
    worker.trainer.stage();
    await bench.until(`save ${step}`, async () => (await bench.state('job')).totals.checkpoints === step);
  }
  return (await bench.state('job')).checkpoints.map(({ id }) => id);
}

describe('a request to prune while somebody trains', () => {
  it('is answered by the owner within its next look, beside training', async () => {
    await bench.submit('job');
    const worker = await bench.begin();
    const [first = '', second = ''] = await saved(worker, 3);
    await requestPrune(await openJournal(bench, 'job'), { checkpoints: [first], by });
    await bench.pass(worker.world.timers.requestsPollMs + 1_000);

    const state = await bench.state('job');
    expect(state.checkpoints.map(({ id }) => id)).not.toContain(first);
    expect(state.checkpoints.map(({ id }) => id)).toContain(second);
    expect(state.requests.prune).toEqual([]);
    expect(state.status).toBe('running');
    const left = await bench.store.list(`jobs/job/checkpoints/${first}/`);
    expect(left.objects).toEqual([]);
    worker.trainer.train(4);
    worker.trainer.stage();
    await bench.until('it saves on', async () => (await bench.state('job')).totals.checkpoints === 4);
  });

  it('waits while a checkpoint must stay, and costs nothing meanwhile', async () => {
    await bench.submit('job');
    const worker = await bench.begin();
    const [first = ''] = await saved(worker, 2);
    const journal = await openJournal(bench, 'job');
    await requestPrune(journal, { checkpoints: [first], by });
    await pinCheckpoint(journal, { checkpoint: first, by });
    await bench.pass(120_000);
    expect((await bench.state('job')).requests.prune).toEqual([first]);
    expect(await bench.kinds('job')).not.toContain('pruned');
  });

  it('never fails the attempt, and is tried again when the store was out of reach', async () => {
    let isAway = false;
    const store = withMethods<ObjectStore>(bench.store, {
      delete: (...args) =>
        isAway ? Promise.reject(new TransientError('out of reach.')) : bench.store.delete(...args),
      createIfAbsent: (...args) =>
        isAway ? Promise.reject(new TransientError('out of reach.')) : bench.store.createIfAbsent(...args),
    });
    await bench.submit('job');
    const worker = await bench.begin({ store });
    const [first = ''] = await saved(worker, 2);
    await requestPrune(await openJournal(bench, 'job'), { checkpoints: [first], by });
    isAway = true;
    await bench.pass(90_000);
    expect((await bench.state('job')).checkpoints.map(({ id }) => id)).toContain(first);
    isAway = false;
    await bench.until('it is pruned', async () => (await bench.state('job')).checkpoints.length === 1);
    expect(await bench.state('job')).toMatchObject({ status: 'running', totals: { claims: 1 } });
  });
});
