/**
 * Handwritten digits: a small convolutional network that reads about 96 of 100 test digits right after two passes over
 * 8,000 examples, a quarter of a minute on a laptop. It has what real trainings have: batch normalisation, dropout,
 * Adam, a learning rate that warms up and decays, and a moving average of the weights, which is what gets evaluated.
 *
 * Interrupt it anywhere: it ends with the same weights.
 */
import { readFileSync } from 'node:fs';
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
  params: { epochs: 2, batchSize: 32, learningRate: 8e-3, dropout: 0.25, averageDecay: 0.98 },
  inputs: { digits: './digits.bin' },

  setup({ params, inputs }) {
    const digits = openDigits(inputs['digits']);
    const trainCount = 8_000;
    const testIndices = Array.from({ length: 2_000 }, (_, at) => trainCount + at);

    const model = tf.sequential({
      layers: [
        tf.layers.averagePooling2d({ name: 'shrink', inputShape: [28, 28, 1], poolSize: 2 }),
        tf.layers.conv2d({ name: 'conv1', filters: 8, kernelSize: 3, activation: 'relu' }),
        tf.layers.conv2d({ name: 'conv2', filters: 16, kernelSize: 3, useBias: false }),
        tf.layers.batchNormalization({ name: 'norm', momentum: 0.9 }),
        tf.layers.reLU({ name: 'relu' }),
        tf.layers.maxPooling2d({ name: 'pool', poolSize: 2 }),
        tf.layers.flatten({ name: 'flat' }),
        tf.layers.dropout({ name: 'dropout', rate: params.dropout }),
        tf.layers.dense({ name: 'digits', units: 10 }),
      ],
    });
    const optimizer = tf.train.adam(params.learningRate);
    const weights = variablesOf(model);
    const average = movingAverage(weights, params.averageDecay);
    const steps = params.epochs * Math.ceil(trainCount / params.batchSize);
    const learningRate = cosine({ peak: params.learningRate, warmup: 40, steps });

    return {
      state: { model, optimizer, average: average.shadow },
      until: { epochs: params.epochs },
      data: { examples: trainCount, batchSize: params.batchSize, load: (indices) => digits.batch(indices) },

      step({ batch, step }) {
        setLearningRate(optimizer, learningRate(step));
        const loss = minimize(optimizer, weights, () => {
          const logits = model.apply(batch.images, { training: true }) as tf.Tensor;
          return tf.losses.softmaxCrossEntropy(batch.labels, logits);
        });
        average.update();
        return { loss };
      },

      /** `accuracy`: the share of 2,000 test digits that the averaged weights read right. */
      async evaluate({ signal }) {
        const trained = weights.map((weight) => weight.clone());
        weights.forEach((weight, at) => weight.assign(average.shadow[at]!));
        try {
          let correct = 0;
          for (let at = 0; at < testIndices.length; at += 250) {
            signal.throwIfAborted();
            correct += countCorrect(model, digits.batch(testIndices.slice(at, at + 250)));
            await new Promise((resolve) => setImmediate(resolve));
          }
          return { accuracy: correct / testIndices.length };
        } finally {
          weights.forEach((weight, at) => weight.assign(trained[at]!));
          tf.dispose(trained);
        }
      },
    };
  },
});

interface Batch {
  /** [n, 28, 28, 1], 0 (paper) to 1 (ink). */
  readonly images: tf.Tensor4D;
  /** [n, 10], one-hot. */
  readonly labels: tf.Tensor2D;
}

/** Reads the file that `scripts/make-digits.mjs` makes: records of one label byte and 28 × 28 pixels, 0 to 255. */
function openDigits(path: string | undefined): { batch(indices: ArrayLike<number>): Batch } {
  if (path === undefined) throw new Error('the input `digits` is missing: --input digits=FILE');
  const bytes = readFileSync(path);
  const pixels = 28 * 28;
  return {
    batch(indices) {
      const images = new Float32Array(indices.length * pixels);
      const labels = new Float32Array(indices.length * 10);
      for (let i = 0; i < indices.length; i++) {
        const record = indices[i]! * (1 + pixels);
        labels[i * 10 + bytes[record]!] = 1;
        for (let k = 0; k < pixels; k++) images[i * pixels + k] = bytes[record + 1 + k]! / 255;
      }
      return {
        images: tf.tensor4d(images, [indices.length, 28, 28, 1]),
        labels: tf.tensor2d(labels, [indices.length, 10]),
      };
    },
  };
}

function countCorrect(model: tf.LayersModel, { images, labels }: Batch): number {
  const hits = tf.tidy(() => {
    const guesses = model.predict(images) as tf.Tensor;
    return guesses.argMax(1).equal(labels.argMax(1)).sum().dataSync()[0]!;
  });
  tf.dispose([images, labels]);
  return hits;
}
