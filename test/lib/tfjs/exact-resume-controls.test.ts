import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { openBackend } from '../../../lib/tfjs/backend.ts';
import { compiledRun, type OpenRun, perceptron, resumed, uninterrupted } from '../../support/resume-bench.ts';
import { type SavedBytes, withEntry, withTensors } from '../../support/saved-state.ts';

// Each control restores a checkpoint that lost one thing, as a restore that forgets it would. If none of them changed the
// end, the equality that the other suites find would mean nothing.

const steps = 40;
const file = 'model.safetensors';

function withoutTensors(pattern: RegExp): (saved: SavedBytes) => SavedBytes {
  return (saved) =>
    withTensors(saved, file, (name, values) => {
      if (pattern.test(name)) values.fill(0);
    });
}

/** Whether the weights at the end differ after a restore from the damaged checkpoint; the intact one is checked too. */
async function turnsRed(
  open: OpenRun,
  damage: (saved: SavedBytes) => SavedBytes,
  from = 20,
): Promise<boolean> {
  const { end, saved } = await uninterrupted(open, { steps, stops: [from] });
  const bytes = saved.get(from)!;
  const intact = await resumed(open, bytes, { from, steps });
  expect(intact.digest).toBe(end.digest);
  const damaged = await resumed(open, damage(bytes), { from, steps });
  return !Buffer.from(damaged.readFile(file)).equals(end.readFile(file));
}

const adam: OpenRun = (seed) => perceptron(tf.train.adam(0.01, 0.85, 0.995), seed);
const centred: OpenRun = (seed) => perceptron(tf.train.rmsprop(0.01, 0.9, 0, 1e-7, true), seed);

function scheduledSgd(seed: number): ReturnType<OpenRun> {
  const optimizer = tf.train.sgd(0.05);
  const run = perceptron(optimizer, seed);
  return {
    ...run,
    step(step) {
      if (step === 10) optimizer.setLearningRate(0.01);
      return run.step(step);
    },
  };
}

function statefulLstm(): ReturnType<OpenRun> {
  const lstm = { name: 'r', batchInputShape: [2, 3, 2], units: 3, stateful: true };
  const model = tf.sequential({ name: 'net', layers: [tf.layers.lstm(lstm)] });
  model.compile({ optimizer: tf.train.adam(0.01), loss: 'meanSquaredError' });
  return compiledRun(model, { input: [2, 3, 2], output: [2, 3] });
}

describe('the comparison of ends turns red', () => {
  beforeAll(async () => {
    await openBackend('wasm');
  });

  it.each([20, 37])('when Adam’s running products are recomputed at step %i', async (from) => {
    const recomputed = (saved: SavedBytes): SavedBytes =>
      withTensors(saved, file, (name, values) => {
        if (name === 'optimizer/accBeta1') values[0] = 0.85 ** (from + 1);
        if (name === 'optimizer/accBeta2') values[0] = 0.995 ** (from + 1);
      });
    expect(await turnsRed(adam, recomputed, from)).toBe(true);
  });

  it.each([
    ['momentum', () => tf.train.momentum(0.05, 0.9), /accumulations/],
    ['nesterov momentum', () => tf.train.momentum(0.05, 0.9, true), /accumulations/],
    ['adam', () => tf.train.adam(0.01), /FirstMoment/],
    ['adam', () => tf.train.adam(0.01), /SecondMoment/],
    ['adamax', () => tf.train.adamax(0.01), /InfNorm/],
    ['adamax with decay', () => tf.train.adamax(0.01, 0.9, 0.999, 1e-8, 0.1), /optimizer\/iteration$/],
    ['adagrad', () => tf.train.adagrad(0.05), /accumulatedGrads/],
    // Both of its sums together cancel out: Adadelta that starts from nothing is plain gradient descent.
    ['adadelta', () => tf.train.adadelta(0.05), /accumulatedUpdates/],
    ['rmsprop', () => tf.train.rmsprop(0.01), /MeanSquares/],
    ['rmsprop', () => tf.train.rmsprop(0.01, 0.9, 0.8), /accumulatedMoments/],
    ['batch normalisation', () => tf.train.adam(0.01), /moving_mean/],
    ['batch normalisation', () => tf.train.adam(0.01), /moving_variance/],
  ])('when %s loses what matches its pattern %#', async (_, optimizer, pattern) => {
    const open: OpenRun = (seed) => perceptron(optimizer(), seed);
    expect(await turnsRed(open, withoutTensors(pattern))).toBe(true);
  });

  it('when centred RMSProp loses its mean gradients', async () => {
    expect(await turnsRed(centred, withoutTensors(/MeanGrads/))).toBe(true);
  });

  it('when SGD loses its cached learning rate', async () => {
    expect(await turnsRed(scheduledSgd, withoutTensors(/optimizer\/c$/))).toBe(true);
  });

  it('when a stateful RNN loses its states', async () => {
    expect(await turnsRed(statefulLstm, withoutTensors(/r\/state/))).toBe(true);
  });

  it('when iterations are lost', async () => {
    const { end, saved } = await uninterrupted(adam, { steps, stops: [20] });
    const lost = withEntry(saved.get(20)!, 'model', ({ optimizer, ...entry }) => ({
      ...entry,
      optimizer: { ...optimizer!, iterations: 0 },
    }));
    expect((await resumed(adam, lost, { from: 20, steps })).digest).not.toBe(end.digest);
  });
});
