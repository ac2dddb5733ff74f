import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
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
