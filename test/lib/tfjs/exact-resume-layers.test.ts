import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { openBackend } from '../../../lib/tfjs/backend.ts';
import { openState } from '../../../lib/tfjs/open-state.ts';
import { seenAs } from '../../../lib/tfjs/private-fields.ts';
import { variablesOf } from '../../../lib/tfjs/variables-of.ts';
import {
  batch,
  compiledRun,
  type OpenRun,
  resumed,
  type Run,
  uninterrupted,
} from '../../support/resume-bench.ts';

const kinds: Readonly<
  Record<string, { layers: () => tf.layers.Layer[]; input: number[]; output: number[] }>
> = {
  'a dense layer with a constraint': {
    layers: () => [
      tf.layers.dense({
        name: 'd',
        units: 3,
        inputShape: [4],
        kernelConstraint: tf.constraints.maxNorm({ maxValue: 0.3 }),
      }),
    ],
    input: [2, 4],
    output: [2, 3],
  },
  conv1d: {
    layers: () => [tf.layers.conv1d({ name: 'c', inputShape: [7, 2], filters: 3, kernelSize: 3 })],
    input: [2, 7, 2],
    output: [2, 5, 3],
  },
  'conv2d with strides': {
    layers: () => [
      tf.layers.conv2d({ name: 'c1', inputShape: [6, 6, 2], filters: 3, kernelSize: 3, padding: 'same' }),
      tf.layers.conv2d({ name: 'c2', filters: 2, kernelSize: 2, strides: 2 }),
    ],
    input: [2, 6, 6, 2],
    output: [2, 3, 3, 2],
  },
  'separable conv2d': {
    layers: () => [
      tf.layers.separableConv2d({ name: 's', inputShape: [5, 5, 2], filters: 3, kernelSize: 3 }),
    ],
    input: [2, 5, 5, 2],
    output: [2, 3, 3, 3],
  },
  'depthwise conv2d': {
    layers: () => [
      tf.layers.depthwiseConv2d({ name: 'w', inputShape: [5, 5, 2], depthMultiplier: 2, kernelSize: 3 }),
    ],
    input: [2, 5, 5, 2],
    output: [2, 3, 3, 4],
  },
  'conv2d transpose': {
    layers: () => [
      tf.layers.conv2dTranspose({
        name: 't',
        inputShape: [3, 3, 2],
        filters: 2,
        kernelSize: 3,
        strides: 2,
      }),
    ],
    input: [1, 3, 3, 2],
    output: [1, 7, 7, 2],
  },
  'simple RNN': {
    layers: () => [tf.layers.simpleRNN({ name: 'r', inputShape: [3, 2], units: 3 })],
    input: [2, 3, 2],
    output: [2, 3],
  },
  LSTM: {
    layers: () => [tf.layers.lstm({ name: 'r', inputShape: [3, 2], units: 3 })],
    input: [2, 3, 2],
    output: [2, 3],
  },
  GRU: {
    layers: () => [tf.layers.gru({ name: 'r', inputShape: [3, 2], units: 3 })],
    input: [2, 3, 2],
    output: [2, 3],
  },
  'stateful simple RNN': {
    layers: () => [tf.layers.simpleRNN({ name: 'r', batchInputShape: [2, 3, 2], units: 3, stateful: true })],
    input: [2, 3, 2],
    output: [2, 3],
  },
  'stateful LSTM': {
    layers: () => [tf.layers.lstm({ name: 'r', batchInputShape: [2, 3, 2], units: 3, stateful: true })],
    input: [2, 3, 2],
    output: [2, 3],
  },
  'stateful GRU': {
    layers: () => [tf.layers.gru({ name: 'r', batchInputShape: [2, 3, 2], units: 3, stateful: true })],
    input: [2, 3, 2],
    output: [2, 3],
  },
  'stacked cells': {
    layers: () => [
      tf.layers.rnn({
        name: 'r',
        inputShape: [3, 2],
        // The wrapper that a bare list gets is named by a counter of the process.
        cell: tf.layers.stackedRNNCells({
          name: 'stack',
          cells: [
            tf.layers.lstmCell({ name: 'lower', units: 3 }),
            tf.layers.gruCell({ name: 'upper', units: 2 }),
          ],
        }),
      }),
    ],
    input: [2, 3, 2],
    output: [2, 2],
  },
  'bidirectional LSTM': {
    layers: () => [
      tf.layers.bidirectional({
        name: 'b',
        inputShape: [3, 2],
        mergeMode: 'concat',
        layer: seenAs(tf.layers.lstm({ name: 'inner', units: 2, inputShape: [3, 2] })),
      }),
    ],
    input: [2, 3, 2],
    output: [2, 4],
  },
  'time distributed dense': {
    layers: () => [
      tf.layers.timeDistributed({
        name: 'td',
        inputShape: [3, 2],
        layer: tf.layers.dense({ name: 'inner', units: 2 }),
      }),
    ],
    input: [2, 3, 2],
    output: [2, 3, 2],
  },
  'batch normalisation, layer normalisation and dropout': {
    layers: () => [
      tf.layers.batchNormalization({ name: 'bn', inputShape: [4] }),
      tf.layers.dense({ name: 'd', units: 4 }),
      tf.layers.layerNormalization({ name: 'ln' }),
    ],
    input: [3, 4],
    output: [3, 4],
  },
  'a nested model': {
    layers: () => [
      tf.sequential({
        name: 'inside',
        layers: [
          tf.layers.dense({ name: 'deep', units: 3, inputShape: [4] }),
          tf.layers.batchNormalization({ name: 'deep_norm' }),
        ],
      }),
      tf.layers.dense({ name: 'd', units: 2 }),
    ],
    input: [3, 4],
    output: [3, 2],
  },
  prelu: {
    layers: () => [tf.layers.prelu({ name: 'p', inputShape: [4] }), tf.layers.dense({ name: 'd', units: 2 })],
    input: [3, 4],
    output: [3, 2],
  },
};

function openKind({ layers, input, output }: (typeof kinds)[string]): Run {
  const model = tf.sequential({ name: 'net', layers: layers() });
  model.compile({ optimizer: tf.train.adam(0.01, 0.85, 0.995), loss: 'meanSquaredError' });
  return compiledRun(model, { input, output });
}

/** Embeddings under an optimizer that stands alone, with a moving average that has no name of its own. */
function openEmbeddings(): Run {
  const model = tf.sequential({
    name: 'net',
    layers: [
      tf.layers.embedding({ name: 'e', inputDim: 7, outputDim: 3, inputLength: 4 }),
      tf.layers.flatten({ name: 'f' }),
      tf.layers.dense({ name: 'd', units: 2 }),
    ],
  });
  const average = [tf.variable(tf.zeros([12, 2]))];
  const optimizer = tf.train.adam(0.01, 0.85, 0.995);
  const weights = variablesOf(model);
  const state = openState(tf, {
    model: seenAs(model),
    optimizer: seenAs(optimizer),
    average: seenAs(average),
  });
  return {
    state,
    async step(step) {
      const ids = Int32Array.from({ length: 8 }, (_, index) => (index * 3 + step) % 7);
      tf.tidy(() => {
        optimizer.minimize(
          () => {
            const predicted: tf.Tensor = seenAs(model.apply(tf.tensor2d(ids, [2, 4], 'int32')));
            return tf.losses.meanSquaredError(batch(step, [2, 2]), predicted).asScalar();
          },
          true,
          weights,
        );
        for (const shadow of average) shadow.assign(shadow.mul(0.9).add(weights[1]!.mul(0.1)));
      });
    },
    dispose() {
      model.dispose();
      optimizer.dispose();
      tf.dispose(average);
    },
  };
}

describe.each(['cpu', 'wasm'] as const)('a run that is resumed on %s', (backend) => {
  beforeAll(async () => {
    await openBackend(backend);
  });

  it.each(Object.entries(kinds))('ends as the uninterrupted one, with %s', async (_, kind) => {
    const open: OpenRun = () => openKind(kind);
    const { end, saved } = await uninterrupted(open, { steps: 9, stops: [5] });
    const again = await resumed(open, saved.get(5)!, { from: 5, steps: 9 });
    expect(again.digest).toBe(end.digest);
  });

  it('ends as the uninterrupted one, with embeddings and an optimizer that stands alone', async () => {
    const { end, saved } = await uninterrupted(openEmbeddings, { steps: 12, stops: [0, 7] });
    for (const [from, bytes] of saved) {
      const again = await resumed(openEmbeddings, bytes, { from, steps: 12 });
      expect(again.digest).toBe(end.digest);
    }
  });
});
