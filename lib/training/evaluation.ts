import type { LoopRun } from './loop-run.ts';
import { readMetrics } from './tensors.ts';

/**
 * Evaluates the present state. Cut short by the signal, nothing of it counts, whether the program noticed or not: it is
 * done again after the resume.
 */
export async function evaluateState(run: LoopRun): Promise<'improved' | 'evaluated' | 'cut-short'> {
  const { training, plan, streams, mathRandom, progress, hooks } = run;
  const { step, epoch } = progress.position;
  const signal = hooks.evaluationSignal();
  if (signal.aborted) return 'cut-short';
  hooks.phase('evaluating');
  const rng = streams.evaluate(step);
  let returned: unknown;
  try {
    returned = await mathRandom.run(rng, () => training.evaluate?.({ step, epoch, rng, signal }));
  } catch (error) {
    if (signal.aborted) return 'cut-short';
    throw error;
  }
  if (signal.aborted) return 'cut-short';
  const metrics = readMetrics(returned, 'evaluate');
  progress.evaluated(plan, metrics);
  hooks.evaluated(metrics);
  return progress.isBest ? 'improved' : 'evaluated';
}
