/** A small network whose steps take a while on any machine: for what has to happen to it while it trains. */
import { setTimeout as pause } from 'node:timers/promises';
import * as tf from '@tensorflow/tfjs';
import { defineTraining, minimize, variablesOf } from 'holdfast/training';

/** Kept from import: nobody can say again what it draws. */
const unseeded = Math.random;

export default defineTraining({
  params: { epochs: 5, pauseMs: 20, careless: false },
  setup({ params, rng }) {
    const examples = 240;
    const points = Array.from({ length: examples }, () => [rng.normal(), rng.normal()]);
    const model = tf.sequential({
      layers: [
        tf.layers.dense({ name: 'hidden', units: 12, inputDim: 2, activation: 'tanh' }),
        tf.layers.dropout({ name: 'dropout', rate: 0.2 }),
        tf.layers.dense({ name: 'out', units: 1 }),
      ],
    });
    const optimizer = tf.train.adam(1e-2);
    const weights = variablesOf(model);
    return {
      state: { model, optimizer },
      until: { epochs: params.epochs },
      data: {
        examples,
        batchSize: 4,
        load: (indices) => ({ xs: tf.tensor2d(Array.from(indices, (index) => points[index] ?? [])) }),
      },
      async step({ batch }) {
        await pause(params.pauseMs);
        const noise = params.careless ? unseeded() : 0;
        const loss = minimize(optimizer, weights, () => {
          const guesses = model.apply(batch.xs, { training: true }) as tf.Tensor;
          return guesses.sub(batch.xs.prod(1, true)).square().mean().add(noise) as tf.Scalar;
        });
        return { loss };
      },
    };
  },
});
