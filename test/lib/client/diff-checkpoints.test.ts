import { describe, expect, it } from 'vitest';
import { ConflictError, CorruptionError, NotFoundError } from '../../../lib/base/errors.ts';
import { seededRandom } from '../../../lib/base/random.ts';
import { diffCheckpoints } from '../../../lib/client/diff-checkpoints.ts';
import type { TrainerDocument } from '../../../lib/contract/trainer-document.ts';
import type { Claim } from '../../../lib/journal/claim.ts';
import {
  floats,
  regionAround,
  tensorFile,
  type TensorBytes,
  trainerFile,
} from '../../support/checkpoint-region.ts';
import { type Files, keysUnder, quickClock, save, text, WatchedStore } from '../checkpoint/files.ts';
import { claimed, submittedJournal } from '../../support/journal-world.ts';
import { jobId, submitJob, takeOver } from '../checkpoint/real-job.ts';

/** A job with some checkpoints, saved one after the other. */
async function jobWith(...saves: ReadonlyArray<{ readonly step: number; readonly files: Files }>) {
  const store = new WatchedStore();
  await submitJob(store);
  const claim: Claim = await takeOver(store);
  const ids: string[] = [];
  for (const [index, { step, files }] of saves.entries()) {
    const { uploaded } = await save({ store, claim, files, ordinal: index + 1, step });
    ids.push(uploaded.id);
  }
  const region = regionAround(store);
  const diff = (a: string, b: string) =>
    diffCheckpoints(region, { a: { jobId, checkpoint: a }, b: { jobId, checkpoint: b } });
  return { store, region, claim, ids, diff };
}

function modelFiles(tensors: readonly TensorBytes[], facts: Partial<TrainerDocument> = {}): Files {
  return { 'model.safetensors': tensorFile(tensors), 'trainer.json': trainerFile(facts) };
}

describe('two checkpoints of a TensorFlow.js job', () => {
  it('differ in tensors, numbers, parameters and position, each told by its name', async () => {
    const optimizer = (learningRate: number, iterations: number) => ({
      class: 'SGDOptimizer',
      iterations,
      initial: { learningRate: 0.1 },
      numbers: { learningRate },
      slots: {},
    });
    const state = (learningRate: number, iterations: number): TrainerDocument['state'] => ({
      model: { kind: 'model', file: 'model.safetensors' },
      optimizer: { kind: 'optimizer', optimizer: optimizer(learningRate, iterations) },
      counter: { kind: 'plain', value: { seen: 3 } },
    });
    const { diff } = await jobWith(
      {
        step: 10,
        files: modelFiles([floats('kernel', [3, 4]), floats('bias', [1])], { state: state(0.1, 10) }),
      },
      {
        step: 20,
        files: modelFiles([floats('kernel', [3, 5]), floats('bias', [1])], {
          params: { learningRate: 0.02 },
          state: state(0.05, 20),
        }),
      },
    );
    const difference = await diff('10', '20');
    expect(difference).toMatchObject({
      a: { jobId, step: 10 },
      b: { jobId, step: 20 },
      isEqual: false,
      warnings: [],
      states: [
        { name: 'model', kind: { a: 'model', b: 'model' }, change: 'changed' },
        { name: 'optimizer', change: 'changed' },
        { name: 'counter', change: 'unchanged' },
      ],
    });
    expect(difference.values).toEqual([
      { section: 'position', path: 'step', a: 10, b: 20 },
      { section: 'parameters', path: 'params.learningRate', a: 0.01, b: 0.02 },
      { section: 'optimizer', path: 'optimizer.iterations', a: 10, b: 20 },
      { section: 'optimizer', path: 'optimizer.numbers.learningRate', a: 0.1, b: 0.05 },
    ]);
    const [model] = difference.files;
    expect(model).toMatchObject({ path: 'model.safetensors', state: 'model', change: 'changed' });
    expect(model?.tensors).toMatchObject([
      { name: 'kernel', kind: 'changed', change: { l2: 1, relative: 0.2, changedElements: 1, elements: 2 } },
      { name: 'bias', kind: 'unchanged' },
    ]);
  });

  it('are equal where only the step in the journal differs, and nothing but their documents is read', async () => {
    const files = modelFiles([floats('kernel', [3, 4])]);
    const { diff, store, ids } = await jobWith({ step: 10, files }, { step: 10, files });
    store.calls.length = 0;
    const difference = await diff(ids[0] ?? '', ids[1] ?? '');
    expect(difference).toMatchObject({ isEqual: true, warnings: [], values: [] });
    const chunks = store.calls.filter((call) => /^get .*\/[0-9a-f]{64}$/.test(call));
    expect(new Set(chunks).size).toBe(1);
  });

  it('raise an alarm when the step advanced and no trained tensor did', async () => {
    const state: TrainerDocument['state'] = {
      model: {
        kind: 'model',
        file: 'model.safetensors',
        optimizer: {
          class: 'AdamOptimizer',
          iterations: 1,
          initial: {},
          numbers: {},
          slots: { accumulatedFirstMoment: ['kernel/m'] },
          trains: ['kernel'],
        },
      },
    };
    const tensors = (kernel: number, statistics: number) => [
      floats('kernel', [kernel]),
      floats('statistics', [statistics]),
      floats('optimizer/accumulatedFirstMoment/kernel/m', [statistics]),
    ];
    const { diff } = await jobWith(
      { step: 90, files: modelFiles(tensors(1, 1), { state }) },
      { step: 110, files: modelFiles(tensors(1, 2), { state }) },
      { step: 120, files: modelFiles(tensors(2, 3), { state }) },
    );
    const stale = await diff('90', '110');
    expect(stale.warnings).toHaveLength(1);
    expect(stale.warnings[0]).toContain('step 90 and step 110 hold the same trained tensors, bit for bit');
    expect((await diff('110', '120')).warnings).toEqual([]);
    expect((await diff('90', '90')).warnings).toEqual([]);
  });
});

describe('two checkpoints of any other program', () => {
  const folder = (step: number, files: Files): Files =>
    Object.fromEntries(Object.entries(files).map(([path, bytes]) => [`checkpoint-${step}/${path}`, bytes]));

  it('are compared file by file under names without the step, and tensor by tensor where files are safetensors', async () => {
    const { diff } = await jobWith(
      {
        step: 500,
        files: folder(500, {
          'model.safetensors': tensorFile([floats('w', [1, 0])]),
          'rng.pth': text('random'),
          'old.txt': text('gone'),
        }),
      },
      {
        step: 1_000,
        files: folder(1_000, {
          'model.safetensors': tensorFile([floats('w', [1, 1])]),
          'rng.pth': text('random'),
          'new.txt': text('here'),
        }),
      },
    );
    const { files, warnings, states } = await diff('500', '1000');
    expect(states).toEqual([]);
    expect(warnings).toEqual([]);
    expect(files).toMatchObject([
      {
        path: 'checkpoint-1000/model.safetensors',
        pathInA: 'checkpoint-500/model.safetensors',
        state: null,
        change: 'changed',
        tensors: [{ name: 'w', kind: 'changed', change: { l2: 1, relative: 1 } }],
      },
      { path: 'checkpoint-1000/rng.pth', change: 'unchanged', sharedBytes: 6, tensors: null },
      { path: 'checkpoint-500/old.txt', change: 'removed', bytes: { a: 4, b: null } },
      { path: 'checkpoint-1000/new.txt', change: 'added', bytes: { a: null, b: 4 } },
    ]);
  });

  it('are files of bytes where their names say safetensors and they are none', async () => {
    const { diff } = await jobWith(
      { step: 1, files: { 'w.safetensors': text('not at all') } },
      { step: 2, files: { 'w.safetensors': text('not at all!') } },
    );
    const { files, warnings } = await diff('1', '2');
    expect(files).toMatchObject([{ change: 'changed', tensors: null, bytes: { a: 10, b: 11 } }]);
    expect(warnings).toEqual([]);
  });

  it('raise the alarm by their tensors, whatever is counted beside them', async () => {
    const files = (step: number): Files => ({
      'model.safetensors': tensorFile([floats('w', [1])]),
      'trainer_state.json': text(String(step)),
    });
    const { diff } = await jobWith(
      { step: 1, files: folder(1, files(1)) },
      { step: 2, files: folder(2, files(2)) },
    );
    expect((await diff('1', '2')).warnings).toHaveLength(1);
  });
});

describe('a comparison', () => {
  it('takes B from another job, and fetches nothing that the two have in common', async () => {
    const files = (value: number): Files => modelFiles([floats('w', [value])]);
    const { store, region } = await jobWith({ step: 1, files: files(1) });
    const other = await submittedJournal({ store, clock: quickClock(), random: seededRandom(9) }, 'other');
    await save({ store, claim: await claimed(other), files: files(1), ordinal: 1, step: 1 });
    const a = { jobId, checkpoint: '1' };
    expect(await diffCheckpoints(region, { a, b: { jobId: 'other', checkpoint: 'latest' } })).toMatchObject({
      a: { jobId },
      b: { jobId: 'other' },
      isEqual: true,
      readBytes: trainerFile().length,
    });
    const b = { jobId: 'another', checkpoint: 'latest' };
    await expect(diffCheckpoints(region, { a, b })).rejects.toThrow(NotFoundError);
  });

  it('names damage and what to do', async () => {
    const { store, diff, ids } = await jobWith(
      { step: 1, files: { 'w.safetensors': tensorFile([floats('w', [1])]) } },
      { step: 2, files: { 'w.safetensors': tensorFile([floats('w', [2])]) } },
    );
    const keys = await keysUnder(store, `jobs/${jobId}/checkpoints/${ids[1]}/`);
    const chunk = keys.find((key) => !key.endsWith('manifest.json')) ?? '';
    await store.put(chunk, text('other bytes'));
    const error: unknown = await diff('1', '2').catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(CorruptionError);
    expect(error).toMatchObject({ hint: expect.stringContaining(`holdfast checkpoints verify ${jobId}`) });
    expect(String(error)).toContain(String(ids[1]));
    expect(error).not.toBeInstanceOf(ConflictError);
  });

  it('takes a checkpoint that was deleted meanwhile for no damage', async () => {
    const files = (value: number): Files => ({ 'w.safetensors': tensorFile([floats('w', [value])]) });
    const { store, claim, diff, ids } = await jobWith(
      { step: 1, files: files(1) },
      { step: 2, files: files(2) },
    );
    const get = store.get;
    store.get = async (key, options) => {
      if (!/\/[0-9a-f]{64}$/.test(key) || !key.includes(String(ids[0]))) return get(key, options);
      store.get = get;
      await save({ store, claim, files: files(3), ordinal: 3, step: 3, keep: { last: 1, best: false } });
      await store.delete([key]);
      return get(key, options);
    };
    const error: unknown = await diff('1', '2').catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(ConflictError);
    expect(String(error)).toContain(`checkpoint ${ids[0]} of job`);
  });
});
