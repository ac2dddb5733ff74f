import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { IncompatibleError, UserProgramError } from '../../../lib/base/errors.ts';
import { type BackendName, openBackend } from '../../../lib/tfjs/backend.ts';
import { openState } from '../../../lib/tfjs/open-state.ts';
import { seenAs } from '../../../lib/tfjs/private-fields.ts';
import { readSafetensors } from '../../support/read-safetensors.ts';
import type { StateEntry } from '../../../lib/training/define-training.ts';
import type { HeldState, TrainingState } from '../../../lib/training/state.ts';
import { type SavedBytes, saveState } from '../../support/saved-state.ts';

type State = Readonly<Record<string, StateEntry>>;

function open(state: Readonly<Record<string, unknown>>): TrainingState {
  return openState(tf, seenAs<State>(state));
}

function dense(units = 3, optimizer: tf.Optimizer | undefined = tf.train.adam(0.01)): tf.Sequential {
  const model = tf.sequential({
    name: 'net',
    layers: [
      tf.layers.dense({ name: 'hidden', units, inputShape: [4] }),
      tf.layers.batchNormalization({ name: 'norm' }),
      tf.layers.dense({ name: 'out', units: 2 }),
    ],
  });
  if (optimizer !== undefined) model.compile({ optimizer, loss: 'meanSquaredError' });
  return model;
}

async function train(model: tf.LayersModel, steps = 1): Promise<void> {
  for (let step = 0; step < steps; step++) {
    const xs = tf
      .ones([5, 4])
      .mul(0.1 + step)
      .add(tf.range(0, 4));
    const ys = tf.ones([5, 2]);
    await model.trainOnBatch(xs, ys);
    tf.dispose([xs, ys]);
  }
}

function bytesOf(held: HeldState): string {
  return held.files
    .flatMap(({ pieces }) => pieces.map((piece) => Buffer.from(piece.read()).toString('hex')))
    .join();
}

function differencesOf(restore: () => void): readonly string[] {
  try {
    restore();
  } catch (error) {
    if (error instanceof IncompatibleError) return error.differences;
    throw error;
  }
  return [];
}

describe.each<BackendName>(['cpu', 'wasm'])('a held snapshot on %s', (backend) => {
  beforeAll(async () => {
    await openBackend(backend);
  });

  it('does not change while training goes on', async () => {
    const model = dense(300);
    const counter = { steps: 1 };
    const noise = Float32Array.of(1, 2, 3);
    const state = open({ model, counter, noise });
    await train(model);
    const before = state.hold();
    const first = bytesOf(before);
    const entries = JSON.stringify(before.entries);
    const held = state.hold();
    await train(model, 5);
    counter.steps = 9;
    noise.fill(7);
    expect(bytesOf(held)).toBe(first);
    expect(JSON.stringify(held.entries)).toBe(entries);
    const after = state.hold();
    expect(bytesOf(after)).not.toBe(first);
    for (const one of [before, held, after]) one.release();
    model.dispose();
  });

  it('costs no tensors, bytes or buffers over 50 saves and restores', async () => {
    const model = dense();
    const state = open({ model });
    await train(model);
    const saved = saveState(state);
    const before = { ...tf.memory(), data: tf.backend().numDataIds() };
    for (let round = 0; round < 50; round++) {
      const held = state.hold();
      bytesOf(held);
      held.release();
      held.release();
      state.restore(saved);
    }
    expect({ ...tf.memory(), data: tf.backend().numDataIds() }).toEqual(before);
    model.dispose();
  });

  it('gives back what it held when something cannot be saved', async () => {
    const model = dense();
    let value: unknown = 1;
    const state = open({ model, strange: { save: () => value, load: () => {} } });
    const before = tf.memory().numTensors;
    value = () => 1;
    expect(() => state.hold()).toThrow('state.strange holds a function');
    expect(tf.memory().numTensors).toBe(before);
    model.dispose();
  });

  it('is saved again, after a restore into a fresh program, with the same bytes', async () => {
    const model = dense();
    const state = open({ model, episode: { count: 0, best: Number.NEGATIVE_INFINITY } });
    await train(model, 3);
    const saved = saveState(state);
    const fresh = dense();
    const episode = { count: 5, best: 1, more: true };
    const again = open({ model: fresh, episode });
    again.restore(saved);
    expect(saveState(again).digest).toBe(saved.digest);
    expect(episode).toStrictEqual({ count: 0, best: Number.NEGATIVE_INFINITY });
    model.dispose();
    fresh.dispose();
  });

  it('has pieces that make up each file, large tensors on their own', async () => {
    const model = dense(6000);
    const held = open({ model }).hold();
    const [file] = held.files;
    const read = file!.pieces.map((piece) => piece.read().length);
    expect(read).toEqual(file!.pieces.map(({ bytes }) => bytes));
    expect(read.reduce((sum, bytes) => sum + bytes, 0)).toBe(file!.bytes);
    expect(read.filter((bytes) => bytes === 6000 * 4 * 4)).toHaveLength(1);
    expect(read[0]! % 4096).toBe(0);
    held.release();
    model.dispose();
  });
});

describe('a view of a held piece on wasm', () => {
  it('is detached by growth of the heap, where what read() gave stays valid', async () => {
    await openBackend('wasm');
    const large = tf.variable(tf.ones([64, 1024]).div(2), true, 'large_variable');
    const held = open({ large }).hold();
    const piece = held.files[0]!.pieces[1]!;
    const view = piece.view?.();
    const copy = piece.read();
    expect(view?.length).toBe(copy.length);
    const fill: tf.Tensor[] = [];
    for (let count = 0; count < 64; count++) {
      fill.push(tf.zeros([4 * 1024 * 1024]));
      if (view?.length === 0) break;
    }
    expect(view?.length).toBe(0);
    expect(new Float32Array(copy.buffer)[70]).toBe(0.5);
    expect(piece.view?.()).toEqual(copy);
    held.release();
    tf.dispose([...fill, large]);
  });
});

async function savedDense(): Promise<SavedBytes> {
  const model = dense();
  const state = open({
    model,
    table: tf.variable(tf.ones([2, 2]), true, `table_a${tf.memory().numTensors}`),
  });
  await train(model);
  const saved = saveState(state);
  model.dispose();
  return saved;
}

function normedUnits(): tf.Sequential {
  return tf.sequential({
    name: 'net',
    layers: [
      tf.layers.dense({
        name: 'c',
        units: 9,
        inputShape: [7],
        kernelConstraint: tf.constraints.unitNorm({ axis: 0 }),
      }),
    ],
  });
}

describe('a restore', () => {
  beforeAll(async () => {
    await openBackend('wasm');
  });

  it('lists every difference and assigns nothing when anything differs', async () => {
    const saved = saveState(
      open({
        model: dense(3),
        gone: { n: 1 },
        head: tf.variable(tf.ones([2]), true, 'head_a'),
        buffer: new Float32Array(4),
        kind: { n: 1 },
      }),
    );
    const model = dense(5, tf.train.sgd(0.1));
    const state = open({
      model,
      head: [tf.variable(tf.ones([2], 'int32'), true, 'head_b')],
      buffer: new Float32Array(5),
      kind: new Uint8Array(1),
      fresh: tf.variable(tf.zeros([1]), true, 'fresh_a'),
      freshObject: { n: 1 },
    });
    const before = saveState(state).digest;
    expect(differencesOf(() => state.restore(saved))).toEqual([
      'model/hidden/kernel is float32 [4, 5] here, float32 [4, 3] there',
      'model/hidden/bias is float32 [5] here, float32 [3] there',
      'model/norm/gamma is float32 [5] here, float32 [3] there',
      'model/norm/beta is float32 [5] here, float32 [3] there',
      'model/norm/moving_mean is float32 [5] here, float32 [3] there',
      'model/norm/moving_variance is float32 [5] here, float32 [3] there',
      'model/out/kernel is float32 [5, 2] here, float32 [3, 2] there',
      'model: the optimizer is SGD here, Adam in the checkpoint',
      'head/head_b is int32 [2] here, the checkpoint has no such tensor',
      'head/head_a, float32 [2] in the checkpoint, is not in the program',
      'buffer/value is float32 [5] here, float32 [4] there',
      'kind is typed-array here, plain in the checkpoint',
      'fresh/fresh_a is float32 [1] here, the checkpoint has no such tensor',
      'freshObject: the checkpoint has no state of this name',
      'gone is in the checkpoint, not in the program',
    ]);
    expect(saveState(state).digest).toBe(before);
  });

  it('takes what migrate names, keeps what it says to keep, and checks both', async () => {
    const saved = await savedDense();
    const model = tf.sequential({
      name: 'net',
      layers: [
        tf.layers.dense({ name: 'renamed', units: 3, inputShape: [4] }),
        tf.layers.dense({ name: 'head', units: 7 }),
      ],
    });
    const state = open({ model, extra: { n: 1 } });
    const head = Array.from(model.layers[1]!.getWeights()[0]!.dataSync());
    const asked: string[] = [];
    state.restore(saved, {
      migrate({ state: name, tensor, shape, dtype }) {
        asked.push(`${name}/${tensor} ${dtype} [${shape.join(', ')}]`);
        return tensor.startsWith('renamed') ? { from: tensor.replace('renamed', 'hidden') } : 'keep-initial';
      },
    });
    expect(asked).toEqual([
      'model/renamed/kernel float32 [4, 3]',
      'model/renamed/bias float32 [3]',
      'model/head/kernel float32 [3, 7]',
      'model/head/bias float32 [7]',
      'model/optimizer  []',
      'extra/  []',
    ]);
    const stored = readSafetensors(saved.readFile('model.safetensors'), 'model');
    const kernel = Uint8Array.from(stored.get('hidden/kernel')!.data);
    expect(model.layers[0]!.getWeights()[0]!.dataSync()).toEqual(new Float32Array(kernel.buffer));
    expect(Array.from(model.layers[1]!.getWeights()[0]!.dataSync())).toEqual(head);
    const wrong = differencesOf(() => state.restore(saved, { migrate: () => ({ from: 'nowhere' }) }));
    expect(wrong).toContain(
      'model/renamed/kernel is float32 [4, 3]; nowhere, named by migrate, is not in the checkpoint',
    );
    const silent = differencesOf(() => state.restore(saved, { migrate: () => undefined }));
    expect(silent).toHaveLength(6);
    model.dispose();
  });

  it('takes a tensor from another state by its full name', async () => {
    const saved = await savedDense();
    const weights = tf.variable(tf.zeros([4, 3]), true, 'weights_alone');
    const state = open({ weights });
    state.restore(saved, { migrate: () => ({ from: 'model/hidden/kernel' }) });
    expect(Array.from(weights.dataSync()).some((value) => value !== 0)).toBe(true);
    weights.dispose();
  });

  it('does not re-apply constraints, which would change bits', async () => {
    const model = normedUnits();
    const saved = saveState(open({ model }));
    const fresh = normedUnits();
    const state = open({ model: fresh });
    state.restore(saved);
    expect(saveState(state).digest).toBe(saved.digest);
    tf.dispose([model.getWeights(), fresh.getWeights()]);
  });
});

describe('forgotten variables', () => {
  it('are found by name and shape when they change outside the state', async () => {
    await openBackend('wasm');
    const model = dense();
    const outside = dense(2);
    const counter = tf.variable(tf.zeros([3]), false, 'counter');
    const still = tf.variable(tf.zeros([3]), false, 'still');
    const state = open({ model });
    expect(state.forgotten()).toEqual([]);
    await train(model);
    expect(state.forgotten()).toEqual([]);
    const next = tf.ones([3]);
    counter.assign(seenAs(next));
    await train(outside);
    const found = state.forgotten();
    expect(found).toContain('counter [3]');
    expect(found.some((name) => /^hidden\/kernel(_\d+)? \[4, 2\]$/.test(name))).toBe(true);
    expect(found.some((name) => name.startsWith('still'))).toBe(false);
    expect(state.forgotten()).toEqual([]);
    tf.dispose([counter, still, next]);
    model.dispose();
    outside.dispose();
  });

  it('are optimizers as well, once their slots change', async () => {
    await openBackend('wasm');
    const weight = tf.variable(tf.ones([2]), true, 'lonely_weight');
    const optimizer = tf.train.momentum(0.1, 0.9);
    const state = open({ weight });
    const step = (): void => {
      optimizer.minimize(() => weight.square().sum().asScalar(), false, [weight]);
    };
    expect(state.forgotten()).toEqual([]);
    step();
    expect(state.forgotten()).toEqual([]);
    step();
    expect(state.forgotten()).toHaveLength(1);
    optimizer.dispose();
    weight.dispose();
  });
});

describe('compatibility', () => {
  it('says what setup made, before and after training alike', async () => {
    await openBackend('wasm');
    const model = dense();
    const optimizer = tf.train.momentum(0.1, 0.9);
    const state = open({ model, optimizer, ring: new Int32Array(5), episode: { n: 1 } });
    const before = structuredClone(state.compatibility());
    await train(model);
    expect(state.compatibility()).toEqual(before);
    expect(before).toMatchObject({
      state: {
        model: {
          kind: 'model',
          tensors: { 'hidden/kernel': 'float32 [4, 3]', 'norm/moving_mean': 'float32 [3]' },
          optimizer: { class: 'Adam', slots: ['accumulatedFirstMoment', 'accumulatedSecondMoment'] },
        },
        optimizer: { kind: 'optimizer', optimizer: { class: 'Momentum', slots: ['accumulations'] } },
        ring: { kind: 'typed-array', tensors: { value: 'int32 [5]' } },
        episode: { kind: 'plain' },
      },
    });
    model.dispose();
  });

  it('is refused at the start for tensors that no file can hold', () => {
    const text = tf.variable(tf.tensor(['a']), false, 'text_variable');
    expect(() => open({ text })).toThrow(UserProgramError);
    expect(() => open({ text })).toThrow('text_variable is a tensor of type string');
  });
});
