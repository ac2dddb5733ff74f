import * as tf from '@tensorflow/tfjs';
import { cosine, defineTraining, fit, inMemory } from 'holdfast/training';

/** Two spirals that a straight line cannot part: small enough for any machine, and a place to begin. */
export default defineTraining({
  // Change one for a single job with --set, as in: --set epochs=200
  params: { epochs: 40, batchSize: 32, learningRate: 1e-2, units: 32 },
  seed: 7,

  // Runs in every process. What a checkpoint holds overwrites what is made here, after an interruption.
  setup({ params, rng }) {
    const examples = 512;
    const points: number[] = [];
    const labels: number[] = [];
    for (let i = 0; i < examples; i++) {
      const label = i % 2;
      const along = rng.next() * 3 * Math.PI;
      const turn = along + label * Math.PI;
      points.push(along * Math.cos(turn), along * Math.sin(turn));
      labels.push(label);
    }
    const xs = tf.tensor2d(points, [examples, 2]);
    const ys = tf.tensor2d(labels, [examples, 1]);

    // Checkpoints are matched by name: name your layers.
    const model = tf.sequential({
      layers: [
        tf.layers.dense({ name: 'hidden1', inputShape: [2], units: params.units, activation: 'tanh' }),
        tf.layers.dense({ name: 'hidden2', units: params.units, activation: 'tanh' }),
        tf.layers.dense({ name: 'side', units: 1, activation: 'sigmoid' }),
      ],
    });
    model.compile({ optimizer: 'adam', loss: 'binaryCrossentropy', metrics: ['accuracy'] });

    return fit(model, {
      data: inMemory({ xs, ys, batchSize: params.batchSize }),
      until: { epochs: params.epochs },
      learningRate: cosine({
        peak: params.learningRate,
        warmup: 16,
        steps: params.epochs * Math.ceil(examples / params.batchSize),
      }),
      validation: inMemory({ xs, ys, batchSize: 128 }),
      best: { metric: 'val_acc', mode: 'max' },
    });
  },
});
