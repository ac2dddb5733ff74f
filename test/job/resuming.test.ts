import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WorkerBench } from '../support/worker-bench.ts';

let bench: WorkerBench;
beforeEach(() => {
  bench = new WorkerBench();
});
afterEach(() => bench.dispose());

describe('what a trainer is told of the past', () => {
  it('is nothing in a first attempt, and that a checkpoint will come in every later one', async () => {
    await bench.submit('job');
    const worker = await bench.begin();
    expect(worker.trainer.order.resuming).toBe(false);
    worker.trainer.train(10);
    worker.trainer.stage();
    await bench.until('it is committed', async () => (await bench.state('job')).checkpoints.length === 1);
    worker.trainer.fail({ message: 'boom' });
    await bench.until('it starts again', () => worker.trainers.length === 2 && worker.trainer.begun);
    expect(worker.trainer.order.resuming).toBe(true);
    expect(worker.trainer.restoredFrom).toBeDefined();
  });
});
