import { describe, expect, it } from 'vitest';
import { chunkBytes } from '../../../lib/contract/manifest.ts';
import { MemoryObjectStore } from '../../../lib/store/memory-object-store.ts';
import { FakeJob } from './fake-job.ts';
import { type Files, digestsIn, digestsOf, noise, restore, save, text } from './files.ts';

const manySmall: Files = Object.fromEntries(
  Array.from({ length: 300 }, (_, index) => [`shard/${index % 7}/part-${index}.bin`, noise(index, index)]),
);

describe('a checkpoint', () => {
  it.each<[string, Files]>([
    ['no file at all', {}],
    ['an empty file', { 'empty.bin': new Uint8Array(0) }],
    ['one byte', { 'one.bin': text('x') }],
    ['exactly one chunk', { 'full.bin': noise(chunkBytes, 1) }],
    ['one chunk and one byte', { 'over.bin': noise(chunkBytes + 1, 2) }],
    [
      'several chunks, one of them twice',
      { 'zeros.bin': new Uint8Array(2 * chunkBytes), 'tail.bin': noise(chunkBytes + 5, 3) },
    ],
    ['many files in folders', manySmall],
    ['a path with spaces and other scripts', { 'a b/données/模型.bin': text('x') }],
  ])('of %s comes back byte for byte', async (_, files) => {
    const store = new MemoryObjectStore();
    const job = new FakeJob('job-1');
    const { record } = await save({ store, claim: job.claim(), files, ordinal: 1, step: 10 });

    const restored = await restore(store, job.claim());

    expect(restored).toMatchObject({
      outcome: 'restored',
      record: { id: record.id, step: 10 },
      passedOver: [],
    });
    expect(restored).toHaveProperty(
      'bytes',
      Object.values(files).reduce((sum, file) => sum + file.byteLength, 0),
    );
    expect(digestsIn(restored.dir)).toEqual(digestsOf(files));
  });

  it('leaves nothing of what lay in the folder before', async () => {
    const store = new MemoryObjectStore();
    const job = new FakeJob('job-1');
    await save({
      store,
      claim: job.claim(),
      files: { 'deep/old.bin': text('old'), 'b.bin': text('b') },
      ordinal: 1,
      step: 1,
    });
    const { dir } = await restore(store, job.claim());
    const files = { deep: text('a file where a folder was') };
    await save({ store, claim: job.claim(), files, ordinal: 1, step: 2 });

    await restore(store, job.claim(), { dir });

    expect(digestsIn(dir)).toEqual(digestsOf(files));
  });

  it('is restored with progress that grows to its size', async () => {
    const store = new MemoryObjectStore();
    const job = new FakeJob('job-1');
    const files = { 'a.bin': noise(1_000, 1), 'twin.bin': noise(1_000, 1), 'b.bin': noise(10, 2) };
    await save({ store, claim: job.claim(), files, ordinal: 1, step: 1 });
    const seen: number[] = [];
    await restore(store, job.claim(), { lanes: 1, onProgress: (bytes) => seen.push(bytes) });
    expect(seen).toEqual([2_000, 2_010]);
  });

  it('of a job without history is a fresh start', async () => {
    const restored = await restore(new MemoryObjectStore(), new FakeJob('job-1').claim());
    expect(restored.outcome).toBe('fresh');
  });
});
