/**
 * Classifies handwritten digits: a small convolutional network on 8,000 digits of MNIST, tested on 2,000 others.
 *
 *   npx holdfast submit examples/mnist/train.ts
 *
 * Everything here that changes from step to step is state that a checkpoint must hold: weights, the moving statistics of
 * the batch normalisation, Adam's moments, the moving average of the weights; and everything random (initial weights,
 * dropout, the order of the digits) is drawn where the runtime can draw it again.
 */
import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs';
import { cosine, defineTraining, fit, inMemory, movingAverage, variablesOf } from 'holdfast/training';
import type { Examples, Moment, StepMoment } from 'holdfast/training';

const trained = 8_000;
const tested = 2_000;

export default defineTraining({
  params: { epochs: 2, batchSize: 32, learningRate: 2e-3, warmup: 50, dropout: 0.25, averageDecay: 0.99 },
  inputs: { digits: './digits.bin' },

  setup({ params, inputs }) {
    const digits = readFileSync(inputs['digits'] ?? '');
    const model = createModel(params.dropout);
    model.compile({ optimizer: 'adam', loss: 'categoricalCrossentropy', metrics: ['accuracy'] });

    const steps = params.epochs * Math.ceil(trained / params.batchSize);
    const training = fit(model, {
      data: inMemory({ ...readDigits(digits, 0, trained), batchSize: params.batchSize }),
      until: { epochs: params.epochs },
      learningRate: cosine({ peak: params.learningRate, warmup: params.warmup, steps }),
      validation: inMemory({ ...readDigits(digits, trained, tested), batchSize: 500 }),
      best: { metric: 'accuracy', mode: 'max' },
    });
    const average = movingAverage(variablesOf(model), params.averageDecay);

    return {
      ...training,
      state: { ...training.state, average: average.shadow },
      async step(moment: StepMoment<Examples>) {
        const metrics = await training.step(moment);
        average.update();
        return metrics;
      },
      /** Of the weights themselves, not of their average. */
      async evaluate(moment: Moment & { readonly signal: AbortSignal }) {
        const { val_loss: loss = NaN, val_acc: accuracy = NaN } = (await training.evaluate?.(moment)) ?? {};
        return { testLoss: loss, accuracy };
      },
    };
  },
});

function createModel(dropout: number): tf.Sequential {
  return tf.sequential({
    layers: [
      tf.layers.conv2d({
        name: 'conv1',
        inputShape: [28, 28, 1],
        filters: 8,
        kernelSize: 3,
        activation: 'relu',
      }),
      tf.layers.maxPooling2d({ name: 'pool1', poolSize: 2 }),
      tf.layers.conv2d({ name: 'conv2', filters: 16, kernelSize: 3 }),
      tf.layers.batchNormalization({ name: 'norm', momentum: 0.9 }),
      tf.layers.reLU({ name: 'relu' }),
      tf.layers.maxPooling2d({ name: 'pool2', poolSize: 2 }),
      tf.layers.flatten({ name: 'flat' }),
      tf.layers.dropout({ name: 'dropout', rate: dropout }),
      tf.layers.dense({ name: 'digit', units: 10, activation: 'softmax' }),
    ],
  });
}

/** Digits `from` to `from + count` of a file of records: one byte of label, 784 bytes of pixels. */
function readDigits(file: Uint8Array, from: number, count: number): { xs: tf.Tensor4D; ys: tf.Tensor2D } {
  const record = 1 + 28 * 28;
  const pixels = new Float32Array(count * 28 * 28);
  const labels = new Int32Array(count);
  for (let i = 0; i < count; i++) {
    const bytes = file.subarray((from + i) * record, (from + i + 1) * record);
    labels[i] = bytes[0] ?? 0;
    pixels.set(bytes.subarray(1), i * 28 * 28);
  }
  return {
    xs: tf.tidy(() => tf.tensor4d(pixels, [count, 28, 28, 1]).div(255)),
    ys: tf.tidy(() => tf.oneHot(tf.tensor1d(labels, 'int32'), 10).toFloat() as tf.Tensor2D),
  };
}
