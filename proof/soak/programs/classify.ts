/** Points in rings, told apart by a small network: dropout, batch normalisation, Adam, a schedule, a moving average, a best metric. */
import * as tf from '@tensorflow/tfjs';
import {
  cosine,
  defineTraining,
  minimize,
  movingAverage,
  setLearningRate,
  variablesOf,
} from 'holdfast/training';

export default defineTraining({
  params: { epochs: 6, examples: 250, batchSize: 16, learningRate: 1e-2 },
  setup({ params, rng }) {
    const { examples, batchSize } = params;
    const points = Array.from({ length: examples }, () => [rng.normal(), rng.normal()]);
    const rings = points.map(([x = 0, y = 0]) => Math.min(2, Math.floor(Math.hypot(x, y) / 0.8)));
    const model = tf.sequential({
      layers: [
        tf.layers.dense({ name: 'hidden', units: 24, inputDim: 2, activation: 'tanh' }),
        tf.layers.batchNormalization({ name: 'norm', momentum: 0.9 }),
        tf.layers.dropout({ name: 'dropout', rate: 0.2 }),
        tf.layers.dense({ name: 'rings', units: 3 }),
      ],
    });
    const optimizer = tf.train.adam(params.learningRate);
    const weights = variablesOf(model);
    const average = movingAverage(weights, 0.95);
    const steps = params.epochs * Math.ceil(examples / batchSize);
    const learningRate = cosine({ peak: params.learningRate, warmup: 5, steps });
    const batchOf = (indices: ArrayLike<number>) => ({
      xs: tf.tensor2d(Array.from(indices, (index) => points[index] ?? [])),
      ys: tf.tidy(() =>
        tf.oneHot(
          tf.tensor1d(
            Array.from(indices, (index) => rings[index] ?? 0),
            'int32',
          ),
          3,
        ),
      ),
    });
    return {
      state: { model, optimizer, average: average.shadow },
      until: { epochs: params.epochs },
      best: { metric: 'accuracy', mode: 'max' },
      data: { examples, batchSize, load: (indices) => batchOf(indices) },
      step({ batch, step }) {
        setLearningRate(optimizer, learningRate(step));
        const loss = minimize(optimizer, weights, () =>
          tf.losses.softmaxCrossEntropy(batch.ys, model.apply(batch.xs, { training: true }) as tf.Tensor),
        );
        average.update();
        return { loss };
      },
      evaluate({ signal }) {
        signal.throwIfAborted();
        const correct = tf.tidy(() => {
          const { xs } = batchOf(Uint32Array.from({ length: examples }, (_, at) => at));
          const guesses = (model.predict(xs) as tf.Tensor).argMax(1).dataSync();
          return rings.filter((ring, at) => guesses[at] === ring).length;
        });
        return { accuracy: correct / examples };
      },
    };
  },
});
