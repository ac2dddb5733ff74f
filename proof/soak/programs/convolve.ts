/** Small pictures of bars, read by convolutions through `fit`: an asynchronous load that draws noise, batches ahead, a last batch that is dropped. */
import { setImmediate as turn } from 'node:timers/promises';
import * as tf from '@tensorflow/tfjs';
import { defineTraining, fit } from 'holdfast/training';

const side = 10;

export default defineTraining({
  params: { epochs: 4, examples: 130, batchSize: 12 },
  setup({ params, rng }) {
    const { examples, batchSize } = params;
    const bars = Array.from({ length: examples }, () => ({ row: rng.int(side), upright: rng.int(2) }));
    const model = tf.sequential({
      layers: [
        tf.layers.conv2d({ name: 'conv', inputShape: [side, side, 1], filters: 4, kernelSize: 3 }),
        tf.layers.batchNormalization({ name: 'norm' }),
        tf.layers.reLU({ name: 'relu' }),
        tf.layers.maxPooling2d({ name: 'pool', poolSize: 2 }),
        tf.layers.flatten({ name: 'flat' }),
        tf.layers.dropout({ name: 'dropout', rate: 0.25 }),
        tf.layers.dense({ name: 'upright', units: 2, activation: 'softmax' }),
      ],
    });
    model.compile({ optimizer: 'rmsprop', loss: 'categoricalCrossentropy', metrics: ['accuracy'] });
    return fit(model, {
      until: { epochs: params.epochs },
      data: {
        examples,
        batchSize,
        lastBatch: 'drop',
        async load(indices) {
          await turn();
          const xs = new Float32Array(indices.length * side * side);
          const ys = new Float32Array(indices.length * 2);
          for (const [at, index] of indices.entries()) {
            const { row = 0, upright = 0 } = bars[index] ?? {};
            for (let k = 0; k < side; k++) {
              const [y, x] = upright === 1 ? [k, row] : [row, k];
              xs[at * side * side + y * side + x] = 1;
            }
            ys[at * 2 + upright] = 1;
          }
          const shape: [number, number, number, number] = [indices.length, side, side, 1];
          return {
            xs: tf.tidy(() => tf.tensor4d(xs, shape).add(tf.randomUniform(shape, 0, 0.3))),
            ys: tf.tensor2d(ys, [indices.length, 2]),
          };
        },
      },
    });
  },
});
