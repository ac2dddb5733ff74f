import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { openBackend } from '../../../lib/tfjs/backend.ts';
import { type OpenRun, perceptron, resumed, uninterrupted } from '../../support/resume-bench.ts';

const optimizers: Readonly<Record<string, () => tf.Optimizer>> = {
  sgd: () => tf.train.sgd(0.05),
  momentum: () => tf.train.momentum(0.05, 0.9),
  'nesterov momentum': () => tf.train.momentum(0.05, 0.9, true),
  adam: () => tf.train.adam(0.01),
  'adam(.01, .85, .995)': () => tf.train.adam(0.01, 0.85, 0.995),
  adamax: () => tf.train.adamax(0.01),
  'adamax with decay': () => tf.train.adamax(0.01, 0.9, 0.999, 1e-8, 0.1),
  adagrad: () => tf.train.adagrad(0.05),
  adadelta: () => tf.train.adadelta(0.05),
  rmsprop: () => tf.train.rmsprop(0.01),
  'rmsprop with momentum, centred': () => tf.train.rmsprop(0.01, 0.9, 0.8, 1e-7, true),
};
/** Where TensorFlow.js's own restore of Adam happens to be exact, and where it is not. */
const stops = [17, 20, 37];
const steps = 40;
const adam: OpenRun = (seed) => perceptron(tf.train.adam(0.01), seed);

describe.each(['cpu', 'wasm'] as const)('a run that is resumed on %s', (backend) => {
  beforeAll(async () => {
    await openBackend(backend);
  });

  it.each(Object.entries(optimizers))('ends as the uninterrupted one, with %s', async (_, optimizer) => {
    const open: OpenRun = (seed) => perceptron(optimizer(), seed);
    const { end, saved } = await uninterrupted(open, { steps, stops });
    for (const [from, bytes] of saved) {
      const again = await resumed(open, bytes, { from, steps });
      expect(again.digest, `resumed at ${from}`).toBe(end.digest);
    }
  });

  it('ends as the uninterrupted one after four interruptions in a row, the first before any step', async () => {
    const { end, saved } = await uninterrupted(adam, { steps, stops: [0] });
    let bytes = saved.get(0)!;
    for (const [index, from] of [0, ...stops].entries())
      bytes = await resumed(adam, bytes, { from, steps: stops[index] ?? steps });
    expect(bytes.digest).toBe(end.digest);
  });

  it('differs from a run with other initial weights, so that the comparison means something', async () => {
    const { end } = await uninterrupted(adam, { steps, stops: [] });
    const other = await uninterrupted((seed) => adam(seed + 1), { steps, stops: [] });
    expect(other.end.digest).not.toBe(end.digest);
  });
});
