import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { TransientError } from '../../lib/base/errors.ts';
import { seededRandom } from '../../lib/base/random.ts';
import type { JobQueue } from '../../lib/queue/job-queue.ts';
import type { ObjectStore } from '../../lib/store/object-store.ts';
import type { FakeTrainer } from '../support/fake-trainer.ts';
import { behindGate } from '../support/with-methods.ts';
import { WorkerBench } from '../support/worker-bench.ts';

let bench: WorkerBench;
beforeEach(() => {
  bench = new WorkerBench();
});
afterEach(() => bench.dispose());

const stepsInAll = 60;

/** A step each time that it is looked at, a checkpoint every tenth, from where the restored one stands. */
function play(trainer: FakeTrainer): void {
  if (!trainer.begun || trainer.killed || trainer.step >= stepsInAll) return;
  if (trainer.step === 0 && trainer.restoredFrom !== undefined) {
    const saved: unknown = JSON.parse(readFileSync(join(trainer.restoredFrom, 'state.json'), 'utf8'));
    expect(saved).toMatchObject({ weights: expect.any(String) });
    trainer.step = Number(Reflect.get(Object(saved), 'step'));
    // The outage fell between the last commit and the entry that completes the job: nothing is left to train.
    if (trainer.step >= stepsInAll) {
      trainer.finish();
      return;
    }
  }
  const isLast = trainer.step === stepsInAll - 1;
  if (isLast && !trainer.hasFreeSlot) return;
  trainer.train(trainer.step + 1);
  if (isLast) trainer.finish();
  else if (trainer.step % 10 === 0 && trainer.hasFreeSlot) trainer.stage();
}

describe('store and queue out of reach for a minute or two, whenever it is', () => {
  it.each(Array.from({ length: 16 }, (_, index) => index + 1))(
    'cost some time and no more (seed %i)',
    async (seed) => {
      const unheard: unknown[] = [];
      const hear = (error: unknown): void => void unheard.push(error);
      process.on('unhandledRejection', hear);
      onTestFinished(() => void process.off('unhandledRejection', hear));
      const random = seededRandom(seed);
      const fromMs = random.next() * 14_000;
      const untilMs = fromMs + 60_000 + random.next() * 60_000;
      const [store, queue] = [random.next() < 0.75, random.next() < 0.75];
      const gate = (isHit: boolean) => async (): Promise<void> => {
        const nowMs = bench.clock.monotonicMs();
        if (isHit && nowMs >= fromMs && nowMs < untilMs) throw new TransientError('out of reach.');
      };
      await bench.submit('job');
      const worker = bench.start({
        store: behindGate<ObjectStore>(bench.store, gate(store)),
        queue: behindGate<JobQueue>(bench.queue, gate(queue)),
      });
      await bench.until('it is completed', async () => {
        const newest = worker.trainers.at(-1);
        if (newest !== undefined) play(newest);
        return (await bench.state('job')).status === 'completed';
      });
      const state = await bench.state('job');
      expect(state.end).toMatchObject({ step: stepsInAll });
      expect(state.ignored.count).toBe(0);
      await bench.until('no ticket is left', async () => {
        const { visible, inFlight, delayed } = await bench.queue.depth();
        return visible + inFlight + delayed === 0;
      });
      expect(unheard).toEqual([]);
    },
  );
});
