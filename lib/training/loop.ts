import { setImmediate as yieldToEvents } from 'node:timers/promises';
import { hasReached } from './data-order.ts';
import { evaluateState } from './evaluation.ts';
import type { LoopRun } from './loop-run.ts';
import { NonFiniteLossError } from './non-finite-loss-error.ts';
import { hasEnded, isEvaluationDue } from './plan.ts';
import { batchLoader, type BatchLoader } from './prefetch.ts';
import { disposeTensors, readMetrics } from './tensors.ts';

/**
 * Trains until the plan ends or a hook says stop. Between two steps everything that changes is in `state` and
 * `progress`; between two steps alone it is saved. A state that is due for evaluation is staged before.
 */
export async function trainingLoop(run: LoopRun): Promise<'ended' | 'stopped'> {
  const { plan, progress, hooks } = run;
  const loader = batchLoader({
    ...run,
    ...plan,
    data: run.training.data,
    isEnd: (at) => hasReached(plan.until, at),
  });
  let isFirst = true;
  try {
    for (;;) {
      if (isEvaluationDue(plan, progress)) {
        if ((await hooks.secure('evaluation')) === 'stop') return 'stopped';
        if ((await evaluateState(run)) === 'improved' && (await hooks.secure('evaluation')) === 'stop')
          return 'stopped';
      }
      if ((await hooks.boundary()) === 'stop') return 'stopped';
      // An evaluation that was cut short is still due: nothing may come after it.
      if (isEvaluationDue(plan, progress)) continue;
      if (hasEnded(plan, progress)) return 'ended';
      hooks.phase(isFirst ? 'first-step' : 'training');
      isFirst = false;
      await takeStep(run, loader);
      // Messages, signals and timers of this process are served here and nowhere else.
      await yieldToEvents();
    }
  } finally {
    loader.close();
  }
}

/** One call of the program's `step`, whole or not at all. */
async function takeStep(run: LoopRun, loader: BatchLoader): Promise<void> {
  const { training, plan, streams, mathRandom, progress, clock, hooks } = run;
  const { position } = progress;
  const startedAtMs = clock.monotonicMs();
  const batch = await loader.take(position);
  const rng = streams.step(position.step);
  let stopped: string | null = null;
  const returned = await mathRandom.run(rng, () =>
    training.step({
      step: position.step,
      epoch: position.epoch,
      rng,
      batch,
      indices: plan.order.indicesAt(position),
      stop: (reason) => {
        stopped = reason;
      },
    }),
  );
  const metrics = readMetrics(returned, 'step');
  disposeTensors(batch);
  const { loss } = metrics;
  if (loss !== undefined && !Number.isFinite(loss)) throw new NonFiniteLossError(loss, position.step + 1);
  progress.stepped(plan.order.after(position), metrics, stopped);
  hooks.stepped({ stepMs: clock.monotonicMs() - startedAtMs, metrics });
}
