import { setImmediate } from 'node:timers/promises';
import type * as tf from '@tensorflow/tfjs';
import { UserProgramError } from '../base/errors.ts';
import type { Data, Every, Metrics, Moment, Training } from '../training/define-training.ts';
import type { Schedule } from '../training/schedules.ts';
import type { Examples, Tensors } from './examples.ts';
import { seenAs } from './private-fields.ts';
import { setLearningRate } from './set-learning-rate.ts';

export interface FitOptions {
  readonly data: Data<Examples>;
  readonly until: Every;
  /** @default what the model was compiled with */
  readonly learningRate?: Schedule;
  readonly validation?: Data<Examples>;
  readonly evaluateEvery?: Every;
  readonly best?: Training['best'];
}

/**
 * `LayersModel.fit`, resumable at any step: the same updates as `fit`, in an order that can be resumed. The model must be
 * compiled. Validation metrics are named `val_…`, means over all examples, as `fit` names them.
 * @throws UserProgramError when the model is not compiled
 */
export function fit(model: tf.LayersModel, options: FitOptions): Training<Examples> {
  const { data, until, learningRate, validation, evaluateEvery, best } = options;
  const optimizer: tf.Optimizer | undefined = model.optimizer;
  if (optimizer === undefined || optimizer === null) {
    throw new UserProgramError('fit needs a compiled model.', { hint: 'Call model.compile(…) in setup.' });
  }
  return {
    state: { model: seenAs(model) },
    data,
    until,
    ...(evaluateEvery && { evaluateEvery }),
    ...(best && { best }),
    async step({ batch, step }) {
      if (learningRate) setLearningRate(optimizer, learningRate(step));
      const { xs, ys } = batch;
      return metricsOf(model, await model.trainOnBatch(argumentOf(xs), argumentOf(ys)), '');
    },
    ...(validation && { evaluate: (moment) => validate(model, validation, moment) }),
  };
}

/** One pass over the validation data in order, giving way between batches; an interruption ends it there. */
async function validate(
  model: tf.LayersModel,
  validation: Data<Examples>,
  moment: Moment & { readonly signal: AbortSignal },
): Promise<Metrics> {
  const { examples, batchSize } = validation;
  const { signal, rng } = moment;
  const sums: number[] = [];
  for (let at = 0; at < examples; at += batchSize) {
    signal.throwIfAborted();
    const size = Math.min(batchSize, examples - at);
    const indices = Uint32Array.from({ length: size }, (_, index) => at + index);
    const batch = await validation.load?.(indices, { epoch: 0, rng, signal });
    if (batch === undefined) throw new UserProgramError('the validation data of fit has no load function.');
    for (const [index, mean] of evaluateBatch(model, batch, size).entries())
      sums[index] = (sums[index] ?? 0) + mean * size;
    await setImmediate();
  }
  return metricsOf(
    model,
    sums.map((sum) => sum / examples),
    'val_',
  );
}

function evaluateBatch(model: tf.LayersModel, { xs, ys }: Examples, batchSize: number): readonly number[] {
  const means = [model.evaluate(argumentOf(xs), argumentOf(ys), { batchSize })].flat();
  const values = means.map((mean) => mean.dataSync()[0] ?? Number.NaN);
  for (const tensor of [...means, ...tensorsIn(xs), ...tensorsIn(ys)]) tensor.dispose();
  return values;
}

function metricsOf(model: tf.LayersModel, values: number | readonly number[], prefix: string): Metrics {
  return Object.fromEntries(
    [values].flat().map((value, index) => [`${prefix}${model.metricsNames[index] ?? index}`, value]),
  );
}

/** tfjs-layers takes named tensors as well, which its types do not say. */
function argumentOf(tensors: Tensors): tf.Tensor {
  return seenAs(tensors);
}

function tensorsIn(tensors: Tensors): readonly tf.Tensor[] {
  return 'dataId' in tensors ? [seenAs(tensors)] : Object.values(seenAs<Record<string, tf.Tensor>>(tensors));
}
