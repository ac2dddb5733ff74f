import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { UserProgramError } from '../../../lib/base/errors.ts';
import { openBackend } from '../../../lib/tfjs/backend.ts';
import { fit, type FitOptions } from '../../../lib/tfjs/fit.ts';
import { inMemory } from '../../../lib/tfjs/in-memory.ts';
import { minimizeAccumulated } from '../../../lib/tfjs/minimize-accumulated.ts';
import { minimize } from '../../../lib/tfjs/minimize.ts';
import { movingAverage } from '../../../lib/tfjs/moving-average.ts';
import { type LayerWeight, seenAs } from '../../../lib/tfjs/private-fields.ts';
import { setLearningRate } from '../../../lib/tfjs/set-learning-rate.ts';
import { variablesOf } from '../../../lib/tfjs/variables-of.ts';
import type { Moment } from '../../../lib/training/define-training.ts';

beforeAll(async () => {
  await openBackend('wasm');
});

const moment: Moment & { readonly signal: AbortSignal; readonly indices: Uint32Array; stop(): void } = {
  step: 0,
  epoch: 0,
  rng: seenAs({}),
  signal: new AbortController().signal,
  indices: new Uint32Array(0),
  stop() {},
};

function valuesOf(tensor: tf.Tensor): number[] {
  return Array.from(tensor.dataSync());
}

function namesOf(variables: readonly tf.Variable[]): string[] {
  return variables.map(({ name }) => name);
}

function weightsOf(model: tf.LayersModel): number[][] {
  return seenAs<readonly LayerWeight[]>(model.weights).map(({ val }) => valuesOf(val));
}

function regression(): tf.Sequential {
  return tf.sequential({
    name: 'net',
    layers: [
      tf.layers.dense({ units: 3, inputShape: [4], kernelInitializer: 'ones', activation: 'tanh' }),
      tf.layers.dense({ units: 1, kernelInitializer: 'ones' }),
    ],
  });
}

describe('setLearningRate', () => {
  it.each([
    tf.train.sgd(1),
    tf.train.momentum(1, 0),
    tf.train.adam(1),
    tf.train.rmsprop(1),
    tf.train.adagrad(1),
  ])('takes effect at the next update (%#)', (optimizer) => {
    const variable = tf.variable(tf.scalar(1));
    setLearningRate(optimizer, 0);
    minimize(optimizer, [variable], () => variable.square().asScalar()).dispose();
    expect(valuesOf(variable)).toEqual([1]);
    setLearningRate(optimizer, 0.5);
    minimize(optimizer, [variable], () => variable.square().asScalar()).dispose();
    expect(valuesOf(variable)).not.toEqual([1]);
  });
});

describe('variablesOf', () => {
  it('gives trainable variables in layer order, of models, nested models and layers', () => {
    const inner = tf.sequential({
      layers: [
        tf.layers.dense({ name: 'vo_a', units: 2, inputShape: [2] }),
        tf.layers.batchNormalization({ name: 'vo_n' }),
      ],
    });
    const head = tf.layers.dense({ name: 'vo_b', units: 1 });
    const model = tf.sequential({ layers: [inner, head] });
    const all = ['vo_a/kernel', 'vo_a/bias', 'vo_n/gamma', 'vo_n/beta', 'vo_b/kernel', 'vo_b/bias'];
    expect(namesOf(variablesOf(model))).toEqual(all);
    expect(namesOf(variablesOf(head, inner))).toEqual([...all.slice(4), ...all.slice(0, 4)]);
    head.trainable = false;
    expect(namesOf(variablesOf(model))).toEqual(all.slice(0, 4));
  });
});

describe('minimize', () => {
  it('updates these variables and no others, and returns the loss before the update', () => {
    const mine = tf.variable(tf.scalar(2));
    const other = tf.variable(tf.scalar(3));
    const loss = minimize(tf.train.sgd(0.5), [mine], () => mine.mul(other).asScalar());
    expect(valuesOf(loss)).toEqual([6]);
    expect([...valuesOf(mine), ...valuesOf(other)]).toEqual([0.5, 3]);
  });
});

describe('minimizeAccumulated', () => {
  const parts = [1, 3, 8];

  it('makes the update of the mean gradient and returns the mean loss, and leaks nothing', () => {
    const variable = tf.variable(tf.scalar(2));
    const untouched = tf.variable(tf.scalar(5));
    const optimizer = tf.train.momentum(0.5, 0.9);
    const loss = (part: number): tf.Scalar => variable.mul(part).asScalar();
    minimizeAccumulated(optimizer, [untouched, variable], parts, loss).dispose();
    const before = tf.memory().numTensors;
    const mean = minimizeAccumulated(optimizer, [untouched, variable], parts, loss);
    expect(tf.memory().numTensors).toBe(before + 1);
    // Gradient 4 twice, with momentum: 2 − 0.5·4 − 0.5·(0.9·4 + 4).
    expect(valuesOf(variable)[0]).toBeCloseTo(-3.8, 5);
    expect(valuesOf(mean)[0]).toBeCloseTo(0, 5);
    expect(valuesOf(untouched)).toEqual([5]);
  });

  it('gives every variable its slot, as minimize does, so that slots stay in place', () => {
    const first = tf.variable(tf.scalar(1), true, 'accumulated_first');
    const second = tf.variable(tf.scalar(1), true, 'accumulated_second');
    const optimizer = tf.train.momentum(0.5, 0.9);
    minimizeAccumulated(optimizer, [first, second], [1], () => second.square().asScalar()).dispose();
    const { accumulations } = seenAs<{ accumulations: { originalName: string }[] }>(optimizer);
    expect(accumulations.map(({ originalName }) => originalName)).toEqual([
      'accumulated_first/momentum',
      'accumulated_second/momentum',
    ]);
  });

  it('takes gradients that only some parts have', () => {
    const first = tf.variable(tf.scalar(1));
    const second = tf.variable(tf.scalar(1));
    const losses = [(): tf.Tensor => second.mul(4), (): tf.Tensor => first.mul(2)];
    minimizeAccumulated(tf.train.sgd(1), [first, second], losses, (loss) => loss().asScalar()).dispose();
    expect([...valuesOf(first), ...valuesOf(second)]).toEqual([0, -1]);
  });

  it('refuses a batch without parts', () => {
    const variable = tf.variable(tf.scalar(2));
    expect(() => minimizeAccumulated(tf.train.sgd(1), [variable], [], () => variable.asScalar())).toThrow(
      UserProgramError,
    );
  });
});

describe('inMemory', () => {
  it('gives the rows asked for, of one tensor, several, or named ones', async () => {
    const xs = tf.tensor2d([1, 2, 3, 4, 5, 6], [3, 2]);
    const data = inMemory({
      xs: { image: xs },
      ys: [tf.tensor1d([7, 8, 9]), xs],
      batchSize: 2,
      lastBatch: 'drop',
    });
    expect(data).toMatchObject({ examples: 3, batchSize: 2, lastBatch: 'drop' });
    const before = tf.memory().numTensors;
    const batch = await data.load!(Uint32Array.of(2, 0), moment);
    expect(tf.memory().numTensors).toBe(before + 3);
    const { xs: images, ys } = seenAs<{ xs: { image: tf.Tensor }; ys: tf.Tensor[] }>(batch);
    expect(valuesOf(images.image)).toEqual([5, 6, 1, 2]);
    expect(ys.map(valuesOf)).toEqual([
      [9, 7],
      [5, 6, 1, 2],
    ]);
  });

  it('refuses tensors of unequal length', () => {
    expect(() => inMemory({ xs: tf.zeros([3, 2]), ys: tf.zeros([4]), batchSize: 2 })).toThrow('have 3, 4');
  });
});

describe('movingAverage', () => {
  it('starts at the variables and follows them, without leaking', () => {
    const variable = tf.variable(tf.tensor1d([1, 2]), true, 'averaged');
    const average = movingAverage([variable], 0.75);
    expect(average.shadow[0]).toMatchObject({ name: 'averaged/ema', trainable: false });
    const before = tf.memory().numTensors;
    tf.tidy(() => variable.assign(seenAs(tf.tensor1d([5, 2]))));
    average.update();
    average.update();
    expect(valuesOf(average.shadow[0]!)).toEqual([2.75, 2]);
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe('fit', () => {
  const xs = tf.tensor2d(
    Float32Array.from({ length: 40 }, (_, index) => Math.sin(index)),
    [10, 4],
  );
  const ys = tf.tensor2d(
    Float32Array.from({ length: 10 }, (_, index) => Math.cos(index)),
    [10, 1],
  );
  const data = inMemory({ xs, ys, batchSize: 5, shuffle: false });
  const options: FitOptions = { data, until: { epochs: 2 } };

  it('makes the updates of LayersModel.fit, bit for bit', async () => {
    const one = regression();
    const two = regression();
    for (const model of [one, two]) model.compile({ optimizer: 'adam', loss: 'meanSquaredError' });
    await one.fit(xs, ys, { epochs: 2, batchSize: 5, shuffle: false });
    const training = fit(two, options);
    for (const first of [0, 5, 0, 5]) {
      const indices = Uint32Array.from({ length: 5 }, (_, index) => first + index);
      const batch = await data.load!(indices, moment);
      await training.step({ ...moment, indices, batch });
      tf.dispose(seenAs<tf.Tensor[]>(batch));
    }
    expect(weightsOf(two)).toEqual(weightsOf(one));
  });

  it('names metrics as fit does and sets the scheduled learning rate', async () => {
    const model = regression();
    model.compile({ optimizer: tf.train.sgd(9), loss: 'meanSquaredError', metrics: ['mae'] });
    const training = fit(model, { ...options, learningRate: (step) => 0.1 / (step + 1) });
    const batch = await data.load!(Uint32Array.of(0, 1), moment);
    const metrics = await training.step({ ...moment, batch, step: 1 });
    expect(Object.keys(metrics!)).toEqual(['loss', 'mae']);
    expect(model.optimizer).toMatchObject({ learningRate: 0.05 });
    expect(training.state['model']).toBe(model);
  });

  it('validates over all examples, also with a short last batch, and leaks nothing', async () => {
    const model = regression();
    model.compile({ optimizer: 'sgd', loss: 'meanSquaredError' });
    const training = fit(model, { ...options, validation: inMemory({ xs, ys, batchSize: 4 }) });
    const whole = seenAs<tf.Scalar>(model.evaluate(xs, ys, { batchSize: 10 }));
    await training.evaluate!(moment);
    const before = tf.memory().numTensors;
    const metrics = await training.evaluate!(moment);
    expect(tf.memory().numTensors).toBe(before);
    expect(Object.keys(metrics)).toEqual(['val_loss']);
    expect(metrics['val_loss']).toBeCloseTo(valuesOf(whole)[0]!, 5);
  });

  it('ends a validation at an interruption', async () => {
    const model = regression();
    model.compile({ optimizer: 'sgd', loss: 'meanSquaredError' });
    const training = fit(model, { ...options, validation: data });
    const reason = new Error('notice');
    await expect(training.evaluate!({ ...moment, signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });

  it('refuses a model that is not compiled', () => {
    expect(() => fit(regression(), options)).toThrow('fit needs a compiled model');
  });
});
