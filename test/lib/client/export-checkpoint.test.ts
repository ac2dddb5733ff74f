import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { ConflictError, CorruptionError, UnfitError, UsageError } from '../../../lib/base/errors.ts';
import { commitCheckpoint } from '../../../lib/checkpoint/commit.ts';
import { uploadCheckpoint } from '../../../lib/checkpoint/upload.ts';
import {
  exportCheckpoint,
  type ExportOptions,
  type Exported,
} from '../../../lib/client/export-checkpoint.ts';
import { writeExport } from '../../../lib/client/export-folder.ts';
import { deferred } from '../../../lib/base/deferred.ts';
import { seededRandom } from '../../../lib/base/random.ts';
import type { Claim } from '../../../lib/journal/claim.ts';
import { openBackend } from '../../../lib/tfjs/backend.ts';
import { movingAverage } from '../../../lib/tfjs/moving-average.ts';
import { openState } from '../../../lib/tfjs/open-state.ts';
import { seenAs } from '../../../lib/tfjs/private-fields.ts';
import { variablesOf } from '../../../lib/tfjs/variables-of.ts';
import type { StateEntry } from '../../../lib/training/define-training.ts';
import { regionAround, trainerFile } from '../../support/checkpoint-region.ts';
import { saveState } from '../../support/saved-state.ts';
import {
  digestsIn,
  digestsOf,
  type Files,
  keepAll,
  keysUnder,
  noise,
  temporaryFolder,
  text,
  uploadOptions,
  WatchedStore,
} from '../checkpoint/files.ts';
import { jobId, operator, submitJob, takeOver } from '../checkpoint/real-job.ts';

beforeAll(() => openBackend('cpu'));

class ExportWorld {
  readonly store = new WatchedStore();
  readonly region = regionAround(this.store);
  readonly dir = join(temporaryFolder(), 'exported');
  #ordinal = 0;

  static async with(files: Files, compatibility: Record<string, unknown> = {}): Promise<ExportWorld> {
    const world = new ExportWorld();
    await submitJob(world.store);
    await world.save(await takeOver(world.store), files, compatibility);
    return world;
  }

  /** A checkpoint of this very state, as the host takes one. */
  static async of(state: Readonly<Record<string, unknown>>): Promise<ExportWorld> {
    const opened = openState(tf, seenAs<Readonly<Record<string, StateEntry>>>(state));
    const saved = saveState(opened);
    const files = {
      ...Object.fromEntries(saved.files),
      'trainer.json': trainerFile({ state: saved.entries }),
    };
    return ExportWorld.with(files, opened.compatibility());
  }

  async save(claim: Claim, files: Files, compatibility: Record<string, unknown>): Promise<string> {
    const options = uploadOptions({ store: this.store, claim, files, ordinal: ++this.#ordinal, step: 7 });
    const uploaded = await uploadCheckpoint({ ...options, compatibility });
    await commitCheckpoint(claim, { uploaded, epoch: 0, example: 0, reason: 'policy', keep: keepAll });
    return uploaded.id;
  }

  export(options: Partial<ExportOptions> = {}): Promise<Exported> {
    return exportCheckpoint(this.region, {
      jobId,
      checkpoint: 'latest',
      dir: this.dir,
      format: 'layers',
      ...options,
    });
  }

  /** What lies where the folder was to be: hidden leftovers as well. */
  get around(): readonly string[] {
    return readdirSync(dirname(this.dir));
  }

  load(): Promise<tf.LayersModel> {
    return tf.loadLayersModel(pathToFileURL(join(this.dir, 'model.json')).href);
  }
}

function network(name: string): tf.Sequential {
  const model = tf.sequential({
    name,
    layers: [
      tf.layers.conv2d({ name: `${name}-conv`, filters: 2, kernelSize: 3, inputShape: [6, 6, 1] }),
      tf.layers.batchNormalization({ name: `${name}-norm` }),
      tf.layers.flatten({ name: `${name}-flat` }),
      tf.layers.dense({ name: `${name}-out`, units: 3 }),
    ],
  });
  model.compile({ optimizer: tf.train.adam(0.05), loss: 'meanSquaredError' });
  return model;
}

/** A layer with weights that are no floats. */
class Gated extends tf.layers.Layer {
  static className = 'Gated';

  override build(): void {
    const zeros = tf.initializers.zeros();
    this.addWeight('gate', [3], 'bool', zeros, undefined, false);
    this.addWeight('factor', [], 'int32', zeros, undefined, false);
    super.build([null, 3]);
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    return seenAs<tf.Tensor>(Array.isArray(inputs) ? inputs[0] : inputs);
  }
}
tf.serialization.registerClass(Gated);

const images = (): tf.Tensor => tf.randomUniform([4, 6, 6, 1], -1, 1, 'float32', 5);

async function train(model: tf.LayersModel): Promise<void> {
  const [xs, ys] = [images(), tf.ones([4, 3])];
  await model.trainOnBatch(xs, ys);
  tf.dispose([xs, ys]);
}

function predictions(model: tf.LayersModel): readonly number[] {
  return tf.tidy(() => [...seenAs<tf.Tensor>(model.predict(images())).dataSync()]);
}

describe('a model that is exported', () => {
  it('predicts, loaded by tf.loadLayersModel, what the trained one does, bit for bit', async () => {
    const model = network('net');
    await train(model);
    const world = await ExportWorld.of({ model });
    const { files, notes, state, dir } = await world.export();
    expect(dir).toBe(world.dir);
    expect(state).toBe('model');
    expect(files.map(({ path }) => path)).toEqual(['model.json', 'weights.bin']);
    expect(notes).toEqual(['the optimizer of `model` (Adam) is left out: such a folder holds none exactly']);
    const loaded = await world.load();
    expect(predictions(loaded)).toEqual(predictions(model));
    expect(loaded.getUserDefinedMetadata()).toEqual({
      holdfast: { jobId, checkpoint: '2-1-step7', step: 7, epoch: 0, state: 'model', weights: 'model' },
    });
    await train(model);
    expect(predictions(loaded)).not.toEqual(predictions(model));
  });

  it('is the one that was named, where there are several', async () => {
    const [generator, critic] = [network('gen'), network('crit')];
    await train(critic);
    const world = await ExportWorld.of({ generator, critic, steps: { count: 1 } });
    await expect(world.export()).rejects.toThrow('which model? The checkpoint holds generator, critic.');
    await expect(world.export({ state: 'steps' })).rejects.toThrow(
      '`steps` is no model: it is of kind plain.',
    );
    expect(world.around).toEqual([]);
    await world.export({ state: 'critic' });
    expect(predictions(await world.load())).toEqual(predictions(critic));
  });

  it('has the averages of its weights where they are asked for, and its own for what is not averaged', async () => {
    const model = network('avg');
    const average = movingAverage(variablesOf(model), 0.5);
    await train(model);
    average.update();
    const world = await ExportWorld.of({ model, average: average.shadow });
    const { notes } = await world.export({ weights: 'average' });
    expect(notes.at(-1)).toBe(
      'not averaged in `average`, so taken from the model: avg-norm/moving_mean, avg-norm/moving_variance',
    );
    const loaded = await world.load();
    expect(predictions(loaded)).not.toEqual(predictions(model));
    variablesOf(model).forEach((weight, at) => weight.assign(seenAs<tf.Variable>(average.shadow[at])));
    expect(predictions(loaded)).toEqual(predictions(model));
  });

  it('is refused where the averages stand for something else', async () => {
    const model = network('other');
    const world = await ExportWorld.of({ model, stray: tf.variable(tf.ones([2]), true, 'stray/weight') });
    await expect(world.export({ weights: 'stray' })).rejects.toThrow(
      '`stray/weight` of state `stray` stands for no weight of the model.',
    );
    await expect(world.export({ weights: 'nothing' })).rejects.toMatchObject({
      hint: 'Those that do: stray.',
    });
  });

  it('leaves recurrent states out by name', async () => {
    const model = tf.sequential({
      layers: [
        tf.layers.simpleRNN({ name: 'memory', units: 2, batchInputShape: [1, 3, 2], stateful: true }),
        tf.layers.dense({ name: 'after', units: 1 }),
      ],
    });
    model.predict(tf.ones([1, 3, 2]));
    const world = await ExportWorld.of({ model });
    const { notes } = await world.export();
    expect(notes).toEqual(['left out, since they are no weights: memory/state0']);
    const loaded = await world.load();
    model.resetStates();
    const ones = tf.ones([1, 3, 2]);
    expect(await seenAs<tf.Tensor>(loaded.predict(ones)).data()).toEqual(
      await seenAs<tf.Tensor>(model.predict(ones)).data(),
    );
  });

  it('keeps weights of other types', async () => {
    const model = tf.sequential({ layers: [new Gated({ name: 'gated', inputShape: [3] })] });
    const [gate, factor] = model.layers[0]?.weights ?? [];
    gate?.write(tf.tensor1d([true, false, true], 'bool'));
    factor?.write(tf.scalar(-3, 'int32'));
    const world = await ExportWorld.of({ model });
    await world.export();
    const [loadedGate, loadedFactor] = (await world.load()).weights.map((weight) => weight.read());
    expect(loadedGate).toMatchObject({ dtype: 'bool', shape: [3] });
    expect(Array.from((await loadedGate?.data()) ?? [])).toEqual([1, 0, 1]);
    expect(loadedFactor).toMatchObject({ dtype: 'int32', shape: [] });
    expect(Array.from((await loadedFactor?.data()) ?? [])).toEqual([-3]);
  });

  it('must be in the checkpoint', async () => {
    const world = await ExportWorld.with({ 'epoch-1.ckpt': noise(100, 1) });
    await expect(world.export()).rejects.toThrow(UsageError);
    await expect(world.export()).rejects.toThrow('no model of TensorFlow.js');
  });
});

describe('the files of a checkpoint that is exported', () => {
  const large: Files = {
    'checkpoint-7/model.safetensors': noise(8 * 1024 * 1024 + 100, 1),
    'checkpoint-7/empty.txt': new Uint8Array(0),
    'checkpoint-7/rng/state.pth': text('random'),
  };
  const files: Files = { ...large, 'checkpoint-7/model.safetensors': noise(1_000, 1) };

  it('are those that were saved, byte for byte, with nothing beside them', async () => {
    const world = await ExportWorld.with(large);
    const seen: number[] = [];
    const exported = await world.export({
      format: 'safetensors',
      onProgress: ({ bytes }) => seen.push(bytes),
    });
    expect(digestsIn(world.dir)).toEqual(digestsOf(large));
    expect(exported).toMatchObject({ checkpoint: '2-1-step7', step: 7, state: null, notes: [] });
    expect(seen.at(-1)).toBe(8 * 1024 * 1024 + 106);
    expect(world.around).toEqual(['exported']);
  });

  it('take the place of an empty folder, and of nothing else', async () => {
    const world = await ExportWorld.with(files);
    mkdirSync(world.dir);
    await world.export({ format: 'safetensors' });
    await expect(world.export({ format: 'safetensors' })).rejects.toThrow(ConflictError);
    expect(digestsIn(world.dir)).toEqual(digestsOf(files));
    expect(world.around).toEqual(['exported']);
    const file = join(dirname(world.dir), 'a-file');
    writeFileSync(file, 'mine');
    await expect(world.export({ format: 'safetensors', dir: file })).rejects.toThrow(ConflictError);
    expect(readFileSync(file, 'utf8')).toBe('mine');
  });

  it.each(['other bytes', ''])('leave nothing behind when one chunk is damaged (%j)', async (bytes) => {
    const world = await ExportWorld.with(large);
    const chunks = (await keysUnder(world.store, `jobs/${jobId}/checkpoints/`)).filter((key) =>
      /[0-9a-f]{64}$/.test(key),
    );
    for (const chunk of chunks) {
      const whole = (await world.store.get(chunk))?.body ?? new Uint8Array(0);
      await world.store.put(chunk, text(bytes));
      const dir = join(dirname(world.dir), 'new', 'folder');
      const error: unknown = await world
        .export({ format: 'safetensors', dir })
        .catch((caught: unknown) => caught);
      expect(error).toBeInstanceOf(CorruptionError);
      expect(error).toMatchObject({ hint: expect.stringContaining('holdfast checkpoints verify') });
      expect(world.around).toEqual([]);
      await world.store.put(chunk, whole);
    }
    expect(chunks).toHaveLength(3);
  });

  it('leave nothing behind when it is interrupted, or cannot be written', async () => {
    const world = await ExportWorld.with(files);
    const stop = new AbortController();
    const interrupted = world.export({
      format: 'safetensors',
      signal: stop.signal,
      onProgress: () => stop.abort(new Error('Ctrl-C')),
    });
    await expect(interrupted).rejects.toThrow('Ctrl-C');
    expect(world.around).toEqual([]);
    writeFileSync(join(dirname(world.dir), 'file'), '');
    const below = join(dirname(world.dir), 'file', 'folder');
    await expect(world.export({ format: 'safetensors', dir: below })).rejects.toThrow(UnfitError);
  });

  it('are read back: a disk that bends them is found out', async () => {
    const dir = join(temporaryFolder(), 'exported');
    const [first, second] = [text('honest '), text('bytes')];
    const written = deferred();
    const bend = async (): Promise<Uint8Array> => {
      await written.promise;
      const [partial = ''] = readdirSync(dirname(dir));
      writeFileSync(join(dirname(dir), partial, 'a'), 'H', { flag: 'r+' });
      return second;
    };
    const pieces = [
      { bytes: first.length, read: async () => first },
      { bytes: second.length, read: bend },
    ];
    const exporting = writeExport({
      dir,
      files: [{ path: 'a', bytes: first.length + second.length, pieces }],
      random: seededRandom(1),
      signal: new AbortController().signal,
      onProgress: () => written.resolve(),
    });
    await expect(exporting).rejects.toThrow('the disk does not hold what was written to it');
    expect(readdirSync(dirname(dir))).toEqual([]);
  });

  it('of a quarantined one are refused unless forced, and must be whole even then', async () => {
    const world = await ExportWorld.with(files);
    const id = '2-1-step7';
    await operator(world.store, { kind: 'quarantined', checkpoint: id, chunks: [], why: 'looked odd' });
    const wanted = { format: 'safetensors', checkpoint: id } as const;
    await expect(world.export(wanted)).rejects.toThrow(/quarantined: looked odd/);
    await world.export({ ...wanted, force: true });
    expect(digestsIn(world.dir)).toEqual(digestsOf(files));
  });
});

const python = process.env['HOLDFAST_PYTHON'] ?? 'python3';
const hasSafetensors = spawnSync(python, ['-c', 'import safetensors, numpy']).status === 0;

it.skipIf(!hasSafetensors)(
  'Python opens the exported files (needs python3 with safetensors and numpy, or HOLDFAST_PYTHON)',
  async () => {
    const weights = tf.variable(
      tf.tensor2d([
        [1, 2],
        [3, 4],
      ]),
      true,
      'python/weights',
    );
    const world = await ExportWorld.of({ weights });
    await world.export({ format: 'safetensors' });
    const script = `
import json, sys
from safetensors.numpy import load_file
print(json.dumps({k: v.tolist() for k, v in load_file(sys.argv[1]).items()}))`;
    const path = join(world.dir, 'weights.safetensors');
    const { stdout, stderr } = spawnSync(python, ['-c', script, path], { encoding: 'utf8' });
    expect(stderr).toBe('');
    expect(JSON.parse(stdout)).toEqual({
      'python/weights': [
        [1, 2],
        [3, 4],
      ],
    });
  },
);
