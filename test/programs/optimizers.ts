import * as tf from '@tensorflow/tfjs';
import { defineTraining, minimize, variablesOf } from 'holdfast/training';

const optimizers: Record<string, () => tf.Optimizer> = {
  sgd: () => tf.train.sgd(0.05),
  momentum: () => tf.train.momentum(0.05, 0.9),
  nesterov: () => tf.train.momentum(0.05, 0.9, true),
  adam: () => tf.train.adam(0.01),
  adamax: () => tf.train.adamax(0.01, 0.9, 0.999, 1e-8, 0.1),
  adagrad: () => tf.train.adagrad(0.05),
  adadelta: () => tf.train.adadelta(0.05),
  rmsprop: () => tf.train.rmsprop(0.01),
  // Its root is of a difference less epsilon: no gradient may be zero, hence no ReLU and no bias before the normalisation.
  'rmsprop-centred': () => tf.train.rmsprop(0.002, 0.9, 0.5, 1e-20, true),
};

/** One convolutional net under every optimizer: each kind of convolution, batch normalisation, dropout and noise. */
export default defineTraining({
  params: { optimizer: 'adam', steps: 40, batchSize: 24, units: 64 },

  setup({ params, rng }) {
    const examples = 96;
    const side = 14;
    const images = Float32Array.from({ length: examples * side * side }, () => rng.next());
    const model = tf.sequential({
      layers: [
        tf.layers.conv2d({ name: 'conv', inputShape: [side, side, 1], filters: 8, kernelSize: 3, activation: 'tanh', useBias: false }),
        tf.layers.batchNormalization({ name: 'norm', momentum: 0.9 }),
        tf.layers.depthwiseConv2d({ name: 'depth', kernelSize: 3 }),
        tf.layers.maxPooling2d({ poolSize: 2 }),
        tf.layers.separableConv2d({ name: 'separable', filters: 12, kernelSize: 3, activation: 'tanh' }),
        tf.layers.conv2dTranspose({ name: 'transposed', filters: 4, kernelSize: 2 }),
        tf.layers.gaussianNoise({ stddev: 0.05 }),
        tf.layers.flatten(),
        tf.layers.dropout({ rate: 0.25 }),
        tf.layers.dense({ name: 'dense', units: params.units, activation: 'tanh' }),
        tf.layers.dense({ name: 'out', units: 2 }),
      ],
    });
    const optimizer = optimizers[params.optimizer]!();
    const weights = variablesOf(model);
    return {
      state: { model, optimizer },
      until: { steps: params.steps },
      data: {
        examples,
        batchSize: params.batchSize,
        load(indices) {
          const size = side * side;
          const batch = new Float32Array(indices.length * size);
          indices.forEach((index, place) => batch.set(images.subarray(index * size, (index + 1) * size), place * size));
          return tf.tensor4d(batch, [indices.length, side, side, 1]);
        },
      },
      step: ({ batch }) => ({
        loss: minimize(optimizer, weights, () => {
          const wanted = tf.stack([batch.mean([1, 2, 3]), batch.square().mean([1, 2, 3])], 1);
          return tf.losses.meanSquaredError(wanted, model.apply(batch, { training: true }) as tf.Tensor) as tf.Scalar;
        }),
      }),
    };
  },
});
