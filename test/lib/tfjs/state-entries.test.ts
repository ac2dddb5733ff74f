import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { UserProgramError } from '../../../lib/base/errors.ts';
import { openBackend } from '../../../lib/tfjs/backend.ts';
import { openState } from '../../../lib/tfjs/open-state.ts';
import { seenAs } from '../../../lib/tfjs/private-fields.ts';
import { readSafetensors } from '../../support/read-safetensors.ts';
import { stateEntries } from '../../../lib/tfjs/state-entries.ts';
import { replayBuffer } from '../../../lib/training/replay-buffer.ts';
import type { TrainingState } from '../../../lib/training/state.ts';
import { type SavedBytes, saveState } from '../../support/saved-state.ts';

beforeAll(async () => {
  await openBackend('wasm');
});

function open(state: Readonly<Record<string, unknown>>): TrainingState {
  return openState(tf, seenAs(state));
}

function kindOf(value: unknown): string | undefined {
  return stateEntries(tf, seenAs({ value }))[0]?.kind;
}

function tensorsIn(saved: SavedBytes, path: string): string[] {
  return [...readSafetensors(saved.readFile(path), path).keys()];
}

const dense = (name: string): tf.layers.Layer => tf.layers.dense({ name, units: 2, inputShape: [3] });

class Scheduler {
  rate = 1;
  save(): unknown {
    return { rate: this.rate, history: Float64Array.of(this.rate, 2) };
  }
  load(saved: { rate: number; history: Float64Array }): void {
    this.rate = saved.rate + saved.history[1]!;
  }
}

class Plainless {
  readonly size = 1;
}

describe('an entry of state', () => {
  it('is recognised by what it can do', () => {
    const model = tf.sequential({ name: 'm', layers: [dense('recognised')] });
    expect(kindOf(model)).toBe('model');
    expect(kindOf(model.layers[0])).toBe('layers');
    expect(kindOf(model.layers)).toBe('layers');
    expect(kindOf(tf.train.sgd(0.1))).toBe('optimizer');
    expect(kindOf(tf.variable(tf.scalar(1)))).toBe('variables');
    expect(kindOf([tf.variable(tf.scalar(1)), tf.variable(tf.scalar(1))])).toBe('variables');
    expect(kindOf([])).toBe('variables');
    expect(kindOf(new Uint32Array(2))).toBe('typed-array');
    expect(kindOf(new Scheduler())).toBe('stateful');
    expect(kindOf({ n: 1 })).toBe('plain');
  });

  it.each([
    ['a tensor', tf.scalar(1), 'a tensor that is not a variable'],
    ['an instance of a class', new Plainless(), 'an instance of Plainless'],
    ['a function', () => 1, 'a function'],
    ['null', null, 'is null'],
    ['a number', 3, 'a number'],
    ['a mixed list', [tf.variable(tf.scalar(1)), 3], 'a list of neither variables nor layers'],
    ['a buffer', Buffer.from('a'), 'an instance of Buffer'],
  ])('is refused with what it should be: %s', (_, value, message) => {
    expect(() => kindOf(value)).toThrow(UserProgramError);
    expect(() => kindOf(value)).toThrow(message);
  });

  it.each(['', '../escape', 'a/b', '.hidden', 'x'.repeat(101), '__proto__ x'])(
    'is refused under a name that cannot be a file: %j',
    (name) => {
      expect(() => open({ [name]: { n: 1 } })).toThrow('cannot be the name of a file');
    },
  );

  it('is stored once when two names have the same object', () => {
    const model = tf.sequential({ name: 'm', layers: [dense('shared')] });
    const saved = saveState(open({ model, same: model }));
    expect(saved.entries['same']).toEqual({ kind: 'alias', value: 'model' });
    expect([...saved.files.keys()]).toEqual(['model.safetensors', 'model.topology.json']);
    const other = tf.sequential({ name: 'm', layers: [dense('shared')] });
    expect(() => open({ model, same: other }).restore(saved)).toThrow('same is model here, a second name');
    open({ model, same: model }).restore(saved);
  });

  it('is refused when two of its tensors would have one name', () => {
    const first = tf.sequential({ name: 'left', layers: [dense('twin')] });
    const second = tf.sequential({
      name: 'right',
      layers: [tf.layers.dense({ name: 'twin', units: 2, inputShape: [2] })],
    });
    const model = tf.sequential({ name: 'm', layers: [first, second] });
    expect(() => open({ model })).toThrow('two tensors are called twin/kernel in model.safetensors');
    const variable = tf.variable(tf.scalar(1), true, 'listed_twice');
    expect(() => open({ list: [variable, variable] })).toThrow('two tensors are called listed_twice');
  });

  it('is refused when its weights do not exist yet', () => {
    expect(() => open({ head: tf.layers.dense({ name: 'unbuilt', units: 2 }) })).toThrow(
      'the layer unbuilt has no weights yet',
    );
  });

  it('must not be a list that hides a compiled model', () => {
    const model = tf.sequential({ name: 'hidden_model', layers: [dense('in_a_list')] });
    expect(kindOf([model])).toBe('layers');
    model.compile({ optimizer: 'sgd', loss: 'meanSquaredError' });
    expect(() => kindOf([model])).toThrow('lists the compiled model hidden_model');
  });
});

describe('layers', () => {
  it('are written in layer order, whatever is frozen', () => {
    const model = tf.sequential({
      name: 'm',
      layers: [
        dense('order_a'),
        tf.layers.batchNormalization({ name: 'order_n' }),
        tf.layers.dense({ name: 'order_b', units: 1 }),
      ],
    });
    const before = tensorsIn(saveState(open({ model })), 'model.safetensors');
    expect(before[0]).toBe('order_a/kernel');
    model.layers[0]!.trainable = false;
    expect(model.weights[0]!.originalName).not.toBe('order_a/kernel');
    expect(tensorsIn(saveState(open({ model })), 'model.safetensors')).toEqual(before);
  });

  it('are described by a topology that builds them again and names no version', () => {
    const model = tf.sequential({ name: 'described', layers: [dense('described_layer')] });
    const topology = new TextDecoder().decode(saveState(open({ model })).readFile('model.topology.json'));
    expect(topology).not.toContain('4.22');
    const summary = JSON.stringify(seenAs<{ getConfig(): unknown }>(model).getConfig());
    const again = tf.models.modelFromJSON(JSON.parse(topology));
    return expect(again.then((built) => JSON.stringify(built.getConfig()))).resolves.toBe(summary);
  });

  it('alone leave the backbone out', () => {
    const head = dense('only_head');
    tf.sequential({ layers: [head] });
    expect(tensorsIn(saveState(open({ head })), 'head.safetensors')).toEqual([
      'only_head/kernel',
      'only_head/bias',
    ]);
  });

  it('with a state under a wrapper are found', () => {
    const model = tf.sequential({
      name: 'm',
      layers: [
        tf.layers.bidirectional({
          name: 'both',
          batchInputShape: [2, 3, 2],
          mergeMode: 'concat',
          layer: seenAs(
            tf.layers.lstm({ name: 'wrapped', units: 2, stateful: true, batchInputShape: [2, 3, 2] }),
          ),
        }),
      ],
    });
    const names = tensorsIn(saveState(open({ model })), 'model.safetensors');
    expect(names.filter((name) => name.includes('/state'))).toEqual([
      'forward_wrapped/state0',
      'forward_wrapped/state1',
      'backward_wrapped/state0',
      'backward_wrapped/state1',
    ]);
  });
});

function counters(): tf.Variable[] {
  return [tf.variable(tf.tensor1d([1, -2], 'int32')), tf.variable(tf.tensor1d([true, false, true], 'bool'))];
}

describe('variables', () => {
  it('go by their names, and by their place where they have none of their own', () => {
    const named = tf.variable(tf.scalar(1), true, 'temperature');
    const saved = saveState(
      open({ list: [tf.variable(tf.scalar(1)), named], single: tf.variable(tf.scalar(2)) }),
    );
    expect(tensorsIn(saved, 'list.safetensors')).toEqual(['0', 'temperature']);
    expect(tensorsIn(saved, 'single.safetensors')).toEqual(['0']);
  });

  it('keep int32 and bool as they are', () => {
    const saved = saveState(open({ list: counters() }));
    const fresh = counters().map((variable) => {
      variable.assign(seenAs(tf.zerosLike(variable)));
      return variable;
    });
    const state = open({ list: fresh });
    state.restore(saved);
    expect(fresh.map((variable) => Array.from(variable.dataSync()))).toEqual([
      [1, -2],
      [1, 0, 1],
    ]);
    expect(saveState(state).digest).toBe(saved.digest);
  });
});

describe('values', () => {
  it('come back into the same typed array', () => {
    const arrays = [
      new Float64Array(2),
      new Int8Array(2),
      new Uint16Array(2),
      new Uint32Array(2),
      new Int16Array(2),
    ];
    const state = (): Record<string, unknown> =>
      Object.fromEntries(arrays.map((array) => [array.constructor.name, array]));
    for (const array of arrays) array.set([5, 7]);
    const saved = saveState(open(state()));
    for (const array of arrays) array.fill(0);
    open(state()).restore(saved);
    expect(arrays.map((array) => Array.from(array))).toEqual(arrays.map(() => [5, 7]));
  });

  it('of a program save and load themselves, typed arrays as tensors', () => {
    const scheduler = new Scheduler();
    scheduler.rate = 5;
    const saved = saveState(open({ scheduler }));
    expect(saved.entries['scheduler']).toEqual({
      kind: 'stateful',
      file: 'scheduler.safetensors',
      value: { rate: 5, history: { $: 'tensor', v: 'history' } },
    });
    const fresh = new Scheduler();
    open({ scheduler: fresh }).restore(saved);
    expect(fresh.rate).toBe(7);
  });

  it('may hold arrays whose paths read alike', () => {
    const value = { 'a/b': Int32Array.of(1), a: { b: Int32Array.of(2) } };
    const saved = saveState(open({ value }));
    expect(tensorsIn(saved, 'value.safetensors')).toEqual(['a/b', 'a/b#2']);
    const fresh = { 'a/b': new Int32Array(1), a: { b: new Int32Array(1) } };
    open({ value: fresh }).restore(saved);
    expect(fresh).toEqual(value);
  });

  it('of a replay buffer are held without a copy and do not change under a later push', () => {
    const replay = replayBuffer(4, { x: 2 });
    replay.push({ x: [1, 2] });
    const held = open({ replay }).hold();
    const bytes = (): string =>
      held.files
        .flatMap(({ pieces }) => pieces.map((piece) => Buffer.from(piece.read()).toString('hex')))
        .join();
    const before = bytes();
    replay.push({ x: [3, 4] });
    expect(bytes()).toBe(before);
    held.release();
  });

  it('report a file that lost an array', () => {
    const saved = saveState(open({ scheduler: new Scheduler() }));
    const { file: _, ...document } = saved.entries['scheduler']!;
    const without = { ...saved, entries: { scheduler: document } };
    expect(() => open({ scheduler: new Scheduler() }).restore(without)).toThrow(
      'the array history of a saved value is not in the checkpoint',
    );
  });
});
