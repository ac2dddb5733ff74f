import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { IncompatibleError } from '../../../lib/base/errors.ts';
import { openBackend } from '../../../lib/tfjs/backend.ts';
import { openState } from '../../../lib/tfjs/open-state.ts';
import { type LayerWeight, seenAs, type SlotVariable } from '../../../lib/tfjs/private-fields.ts';
import { setLearningRate } from '../../../lib/tfjs/set-learning-rate.ts';
import type { RestoreOptions, TrainingState } from '../../../lib/training/state.ts';
import { type SavedBytes, saveState } from '../../support/saved-state.ts';

beforeAll(async () => {
  await openBackend('wasm');
});

let count = 0;
/** A variable with a name of its own: other tests of this process have theirs. */
function weight(name = `w${count++}`): tf.Variable {
  return tf.variable(tf.tensor1d([1, -2, 3]), true, name);
}

interface Lone {
  readonly variable: tf.Variable;
  readonly state: TrainingState;
  step(): void;
}

function lone(optimizer: tf.Optimizer, variable: tf.Variable): Lone {
  return {
    variable,
    state: openState(tf, seenAs({ variable, optimizer })),
    step: () => {
      optimizer.minimize(() => variable.square().sum().asScalar(), false, [variable]);
    },
  };
}

function valuesOf(variable: tf.Variable): readonly number[] {
  return Array.from(variable.dataSync());
}

/** Saves after two steps of one optimizer, restores into another over a fresh variable, and takes a step. */
function carriedOver(was: tf.Optimizer, now: tf.Optimizer, meanwhile?: () => void): readonly number[] {
  const first = lone(was, weight());
  first.step();
  meanwhile?.();
  first.step();
  const saved = saveState(first.state);
  const { name } = first.variable;
  first.variable.dispose();
  const second = lone(now, weight(name));
  second.state.restore(saved);
  second.step();
  return valuesOf(second.variable);
}

/** The same three steps in one process, with other settings for the last. */
function straight(
  optimizer: tf.Optimizer,
  options: { meanwhile?: () => void; last?: () => void },
): readonly number[] {
  const run = lone(optimizer, weight());
  run.step();
  options.meanwhile?.();
  run.step();
  options.last?.();
  run.step();
  return valuesOf(run.variable);
}

describe('settings of an optimizer', () => {
  it.each([
    ['sgd', (rate: number) => tf.train.sgd(rate)],
    ['momentum', (rate: number) => tf.train.momentum(rate, 0.9)],
    ['adam', (rate: number) => tf.train.adam(rate)],
    ['adamax', (rate: number) => tf.train.adamax(rate)],
    ['adagrad', (rate: number) => tf.train.adagrad(rate)],
    ['adadelta', (rate: number) => tf.train.adadelta(rate)],
    ['rmsprop', (rate: number) => tf.train.rmsprop(rate)],
  ])('are the checkpoint’s where the program still says the same: %s', (_, make) => {
    const was = make(0.1);
    const meanwhile = (): void => setLearningRate(was, 0.02);
    const reference = make(0.1);
    expect(carriedOver(was, make(0.1), meanwhile)).toEqual(
      straight(reference, { meanwhile: () => setLearningRate(reference, 0.02) }),
    );
  });

  it.each([
    ['sgd', (rate: number) => tf.train.sgd(rate)],
    ['momentum', (rate: number) => tf.train.momentum(rate, 0.9)],
    ['adam', (rate: number) => tf.train.adam(rate)],
    ['rmsprop', (rate: number) => tf.train.rmsprop(rate)],
  ])('are the program’s where it says something new: the learning rate of %s in a fork', (_, make) => {
    const reference = make(0.1);
    expect(carriedOver(make(0.1), make(0.5))).toEqual(
      straight(reference, { last: () => setLearningRate(reference, 0.5) }),
    );
  });

  it('are merged one by one: a new momentum keeps the scheduled learning rate', () => {
    const was = tf.train.momentum(0.1, 0.9);
    const now = tf.train.momentum(0.1, 0.5);
    const reference = tf.train.momentum(0.1, 0.9);
    const expected = straight(reference, {
      meanwhile: () => setLearningRate(reference, 0.02),
      last: () => Object.assign(reference, { momentum: 0.5, m: tf.scalar(0.5) }),
    });
    expect(carriedOver(was, now, () => setLearningRate(was, 0.02))).toEqual(expected);
    expect(now).toMatchObject({ learningRate: 0.02, momentum: 0.5, iterations: 3 });
  });

  it('of every kind are written, also those that JSON cannot hold', () => {
    const optimizer = tf.train.rmsprop(0.1, 0.9, 0, Number.NaN, true);
    const { optimizer: document } = saveState(lone(optimizer, weight()).state).entries['optimizer']!;
    expect(document).toMatchObject({
      class: 'RMSProp',
      iterations: 0,
      numbers: { learningRate: 0.1, centered: true, epsilon: { $: 'number', v: 'NaN' } },
      slots: { accumulatedMeanSquares: [], accumulatedMoments: [], accumulatedMeanGrads: [] },
    });
  });
});

function twoLayers(freeze?: string): tf.Sequential {
  const model = tf.sequential({
    name: 'two',
    layers: [
      tf.layers.dense({ name: 'first', units: 3, inputShape: [3], useBias: false }),
      tf.layers.dense({ name: 'second', units: 3, useBias: false }),
    ],
  });
  for (const layer of model.layers) layer.trainable = layer.name !== freeze;
  model.compile({ optimizer: tf.train.momentum(0.1, 0.9), loss: 'meanSquaredError' });
  return model;
}

async function train(model: tf.LayersModel): Promise<void> {
  const xs = tf.ones([2, 3]);
  await model.trainOnBatch(xs, xs);
  xs.dispose();
}

async function savedModel(model: tf.LayersModel): Promise<SavedBytes> {
  const state = openState(tf, { model: seenAs(model) });
  await train(model);
  return saveState(state);
}

function slotsOf(model: tf.LayersModel): readonly (SlotVariable | undefined)[] {
  return seenAs<{ accumulations: (SlotVariable | undefined)[] }>(model.optimizer).accumulations;
}

function restoreInto(model: tf.LayersModel, saved: SavedBytes, options?: RestoreOptions): void {
  openState(tf, { model: seenAs(model) }).restore(saved, options);
}

describe('slots', () => {
  it('are written by the name of their variable and come to stand in its place', async () => {
    const model = twoLayers();
    const saved = await savedModel(model);
    expect(saved.entries['model']?.optimizer).toMatchObject({
      slots: { accumulations: ['first/kernel/momentum', 'second/kernel/momentum'] },
      trains: ['first/kernel', 'second/kernel'],
      iterations: 1,
    });
    const fresh = twoLayers();
    restoreInto(fresh, saved);
    const weights: readonly LayerWeight[] = seenAs(fresh.trainableWeights);
    expect(slotsOf(fresh).map((slot) => slot?.originalName)).toEqual(
      weights.map(({ val }) => `${val.name}/momentum`),
    );
    expect(slotsOf(fresh).map((slot) => Array.from(slot!.variable.dataSync()))).toEqual(
      slotsOf(model).map((slot) => Array.from(slot!.variable.dataSync())),
    );
    expect(slotsOf(fresh).every((slot) => !slot!.variable.trainable)).toBe(true);
  });

  it('of a layer that is frozen now are refused without migrate, and left behind with it', async () => {
    const saved = await savedModel(twoLayers());
    const frozen = twoLayers('first');
    expect(() => restoreInto(frozen, saved)).toThrow(
      'model/optimizer/accumulations/first/kernel/momentum, float32 [3, 3] in the checkpoint, is not in the program',
    );
    restoreInto(frozen, saved, { migrate: () => undefined });
    const [only, ...more] = slotsOf(frozen);
    expect(more).toEqual([]);
    // By position it would have inherited the first layer's: both have the same shape.
    expect(only?.originalName).toMatch(/^second\/kernel/);
  });

  it('of a layer that was frozen are made anew by the optimizer, and saved as such', async () => {
    const saved = await savedModel(twoLayers('first'));
    const thawed = twoLayers();
    expect(() => restoreInto(thawed, saved)).toThrow(
      'model/optimizer/accumulations/first/kernel/momentum is float32 [3, 3] here, the checkpoint has no such tensor',
    );
    const state = openState(tf, { model: seenAs(thawed) });
    state.restore(saved, { migrate: () => 'keep-initial' });
    expect(slotsOf(thawed).map((slot) => slot === undefined)).toEqual([true, false]);
    const between = saveState(state);
    expect(between.entries['model']?.optimizer?.slots).toEqual({
      accumulations: ['', 'second/kernel/momentum'],
    });
    await train(thawed);
    expect(slotsOf(thawed).map((slot) => slot?.originalName.replace(/_\d+/, ''))).toEqual([
      'first/kernel/momentum',
      'second/kernel/momentum',
    ]);
  });

  it('for variables that the program has not are named', () => {
    const first = lone(tf.train.adam(0.1), weight('left_the_program'));
    first.step();
    const trained = saveState(first.state);
    first.variable.dispose();
    const second = lone(tf.train.adam(0.1), weight('came_instead'));
    const onlyOptimizer = {
      entries: { ...trained.entries, variable: saveState(second.state).entries['variable']! },
    };
    const saved = {
      ...onlyOptimizer,
      file: (path: string) =>
        path === 'variable.safetensors' ? saveState(second.state).file(path) : trained.file(path),
    };
    expect(() => second.state.restore(saved)).toThrow(
      'optimizer: the optimizer has slots for variables that the program has not: left_the_program',
    );
    second.state.restore(saved, {
      migrate: ({ state, tensor }) => (state === 'optimizer' && tensor === '' ? 'keep-initial' : undefined),
    });
    expect(saveState(second.state).entries['optimizer']?.optimizer?.iterations).toBe(0);
  });

  it('replace those that setup itself trained up', async () => {
    const saved = await savedModel(twoLayers());
    const warmed = twoLayers();
    const state = openState(tf, { model: seenAs(warmed) });
    await train(warmed);
    await train(warmed);
    const before = tf.memory().numTensors;
    state.restore(saved);
    expect(tf.memory().numTensors).toBe(before);
    expect(saveState(state).digest).toBe(saved.digest);
  });
});

describe('an optimizer', () => {
  it('of another class or with other slots is refused', () => {
    const first = lone(tf.train.adam(0.1), weight());
    first.step();
    const saved = saveState(first.state);
    const { name } = first.variable;
    first.variable.dispose();
    const variable = weight(name);
    expect(() => lone(tf.train.adamax(0.1), variable).state.restore(saved)).toThrow(
      'the optimizer is Adamax here, Adam in the checkpoint',
    );
    expect(() => lone(tf.train.adamax(0.1), variable).state.restore(saved)).toThrow(IncompatibleError);
  });

  it('that keeps what nobody can save is refused by the name of the field', () => {
    const optimizer = Object.assign(tf.train.adam(0.1), { history: new Map() });
    expect(() => lone(optimizer, weight())).toThrow('the optimizer Adam keeps `history`');
  });

  it('of a model may be listed under a name of its own as well, and is stored once', async () => {
    const model = twoLayers();
    const after = openState(tf, seenAs({ model, optimizer: model.optimizer }));
    await train(model);
    expect(saveState(after).entries).toMatchObject({
      model: { kind: 'model', optimizer: { class: 'Momentum' } },
      optimizer: { kind: 'alias', value: 'model.optimizer' },
    });
    const before = saveState(openState(tf, seenAs({ optimizer: model.optimizer, model })));
    expect(before.entries['optimizer']).toMatchObject({ kind: 'optimizer' });
    expect(before.entries['model']).not.toHaveProperty('optimizer');
  });
});
