import * as tf from '@tensorflow/tfjs';
import { cosine, defineTraining, minimize, movingAverage, setLearningRate, variablesOf } from 'holdfast/training';

/** A few hundred weights, and one of everything that a resume can get wrong. */
export default defineTraining({
  params: { epochs: 12, batchSize: 8, learningRate: 0.02, examples: 77, pauseMs: 0 },

  setup({ params, rng }) {
    const { examples } = params;
    const inputs = Float32Array.from({ length: examples * 6 }, () => rng.normal());
    const model = tf.sequential({
      layers: [
        tf.layers.dense({ name: 'hidden', units: 12, inputDim: 6, activation: 'tanh' }),
        tf.layers.batchNormalization({ name: 'norm', momentum: 0.9 }),
        tf.layers.dropout({ rate: 0.2 }),
        tf.layers.dense({ name: 'out', units: 1 }),
      ],
    });
    const optimizer = tf.train.adam(params.learningRate, 0.85, 0.995);
    const weights = variablesOf(model);
    const average = movingAverage(weights, 0.9);
    const schedule = cosine({ peak: params.learningRate, warmup: 6, steps: params.epochs * Math.ceil(examples / params.batchSize) });
    const counts = { seen: 0, longest: -Infinity, drawn: new Map<number, number>() };
    let lowest = Infinity;
    const scheduler = { save: () => ({ lowest }), load: (saved: { lowest: number }) => { lowest = saved.lowest; } };

    return {
      state: { model, optimizer, average: average.shadow, counts, scheduler, noise: new Float32Array(4) },
      until: { epochs: params.epochs },
      data: {
        examples,
        batchSize: params.batchSize,
        async load(indices, { rng }) {
          const xs = new Float32Array(indices.length * 6);
          for (let i = 0; i < indices.length; i++) {
            const own = rng.fork(indices[i]!);
            for (let k = 0; k < 6; k++) xs[i * 6 + k] = inputs[indices[i]! * 6 + k]! + 0.1 * own.normal() + 0.01 * Math.random();
            if (i % 3 === 0) await new Promise((resolve) => setImmediate(resolve));
          }
          return tf.tensor2d(xs, [indices.length, 6]);
        },
      },
      evaluateEvery: { steps: 17 },
      best: { metric: 'error', mode: 'min' },
      step({ batch, step, indices }) {
        setLearningRate(optimizer, schedule(step));
        const loss = minimize(optimizer, weights, () => {
          const wanted = batch.slice([0, 0], [-1, 1]).mul(batch.slice([0, 1], [-1, 1]));
          return tf.losses.meanSquaredError(wanted, model.apply(batch, { training: true }) as tf.Tensor) as tf.Scalar;
        });
        average.update();
        counts.seen += indices.length;
        counts.longest = Math.max(counts.longest, indices.length);
        counts.drawn.set(step % 5, Math.random());
        return { loss, seen: counts.seen };
      },
      async evaluate({ signal }) {
        for (let waited = 0; waited < params.pauseMs; waited += 5) {
          signal.throwIfAborted();
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
        const error = tf.tidy(() => {
          const xs = tf.tensor2d(inputs, [examples, 6]);
          const wanted = xs.slice([0, 0], [-1, 1]).mul(xs.slice([0, 1], [-1, 1]));
          return tf.losses.meanSquaredError(wanted, model.predict(xs) as tf.Tensor).dataSync()[0]!;
        });
        lowest = Math.min(lowest, error);
        return { error };
      },
    };
  },
});
