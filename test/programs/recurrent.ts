import * as tf from '@tensorflow/tfjs';
import { defineTraining, type Examples, fit, type StepMoment } from 'holdfast/training';

/** Next letters with an embedding, recurrent layers of which one keeps its states from batch to batch, and drawn samples. */
export default defineTraining({
  params: { steps: 24, batchSize: 8, length: 6, letters: 11 },

  setup({ params, rng }) {
    const { batchSize, length, letters } = params;
    const examples = 64;
    const text = Int32Array.from({ length: examples * (length + 1) }, (_, at) => (at * 7 + rng.int(3)) % letters);
    const model = tf.sequential({
      layers: [
        tf.layers.embedding({ name: 'letters', inputDim: letters, outputDim: 12, batchInputShape: [batchSize, length] }),
        tf.layers.lstm({ name: 'lstm', units: 24, returnSequences: true, stateful: true }),
        tf.layers.layerNormalization({ name: 'norm' }),
        tf.layers.gru({ name: 'gru', units: 16, returnSequences: true }),
        tf.layers.bidirectional({ name: 'both', layer: tf.layers.simpleRNN({ name: 'rnn', units: 8 }) as tf.RNN, mergeMode: 'concat' }),
        tf.layers.dense({ name: 'next', units: letters, activation: 'softmax' }),
      ],
    });
    model.compile({ optimizer: tf.train.rmsprop(0.005, 0.9, 0.5), loss: 'categoricalCrossentropy' });
    const drawn = { sums: [] as number[] };
    const training = fit(model, {
      until: { steps: params.steps },
      data: {
        examples,
        batchSize,
        lastBatch: 'drop',
        load(indices) {
          const at = (index: number, place: number) => text[index * (length + 1) + place]!;
          const inputs = Array.from(indices, (index) => Array.from({ length }, (_, place) => at(index, place)));
          const outputs = Array.from(indices, (index) => at(index, length));
          return { xs: tf.tensor2d(inputs, [batchSize, length]), ys: tf.oneHot(outputs, letters).toFloat() };
        },
      },
    });
    return {
      ...training,
      state: { ...training.state, drawn },
      async step(moment: StepMoment<Examples>) {
        // Without a seed of its own: the numbers must follow from the step.
        const samples = tf.tidy(() => tf.multinomial(tf.zeros([1, letters]) as tf.Tensor2D, 20).dataSync<'int32'>());
        drawn.sums.push(samples.reduce((sum, sample) => sum + sample, 0));
        return training.step(moment);
      },
    };
  },
});
