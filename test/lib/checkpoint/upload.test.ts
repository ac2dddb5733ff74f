import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { AccessDeniedError, TransientError, UserProgramError } from '../../../lib/base/errors.ts';
import { sha256Hex } from '../../../lib/base/digest.ts';
import { seededRandom } from '../../../lib/base/random.ts';
import { type CheckpointSource, folderSource } from '../../../lib/checkpoint/source.ts';
import { uploadCheckpoint } from '../../../lib/checkpoint/upload.ts';
import { chunkBytes } from '../../../lib/contract/manifest.ts';
import { MemoryObjectStore } from '../../../lib/store/memory-object-store.ts';
import { FaultyObjectStore } from '../../../proof/rehearsal/faulty-object-store.ts';
import { FakeJob } from './fake-job.ts';
import {
  digestsIn,
  digestsOf,
  keysUnder,
  memorySource,
  noise,
  quickClock,
  restore,
  save,
  temporaryFolder,
  text,
  uploadOptions,
  WatchedStore,
} from './files.ts';

describe('an upload', () => {
  it('puts every chunk before the manifest, and asks the store nothing', async () => {
    const store = new WatchedStore();
    const claim = new FakeJob('job-1').claim();
    const files = { 'a.bin': noise(chunkBytes + 1, 1), 'b.bin': text('b') };

    const { uploaded } = await save({ store, claim, files, ordinal: 1, step: 7 });

    expect(uploaded.id).toBe('2-1-step7');
    expect(store.calls).toHaveLength(4);
    expect(store.calls.every((call) => call.startsWith('put jobs/job-1/checkpoints/2-1-step7/'))).toBe(true);
    expect(store.calls.at(-1)).toBe('put jobs/job-1/checkpoints/2-1-step7/manifest.json');
  });

  it('names each chunk by the digest of its bytes, and the manifest by the digest that the journal keeps', async () => {
    const store = new MemoryObjectStore();
    const { uploaded, record } = await save({
      store,
      claim: new FakeJob('job-1').claim(),
      files: { 'a.bin': text('hello') },
      ordinal: 1,
      step: 7,
    });
    const [chunk] = uploaded.manifest.files[0]!.chunks;
    expect(chunk?.key).toBe(`jobs/job-1/checkpoints/2-1-step7/${sha256Hex('hello')}`);
    expect((await store.get(chunk!.key))?.body).toEqual(text('hello'));
    expect(record.manifest).toEqual(uploaded.ref);
    expect(sha256Hex((await store.get(uploaded.ref.key))!.body)).toBe(uploaded.ref.sha256);
  });

  it('stores a chunk once that occurs several times', async () => {
    const store = new WatchedStore();
    const files = {
      'a.bin': new Uint8Array(3 * chunkBytes),
      'b.bin': new Uint8Array(chunkBytes),
      'c.bin': text('c'),
    };
    const { uploaded } = await save({
      store,
      claim: new FakeJob('job-1').claim(),
      files,
      ordinal: 1,
      step: 1,
    });
    expect(store.calls).toHaveLength(3);
    expect(uploaded).toMatchObject({ bytes: 4 * chunkBytes + 1, newBytes: chunkBytes + 1 });
  });

  it('re-uses chunks of the parent at whatever file they are, and sends the rest', async () => {
    const store = new WatchedStore();
    const claim = new FakeJob('job-1').claim();
    const frozen = noise(chunkBytes, 5);
    const first = await save({
      store,
      claim,
      files: { 'a.bin': frozen, 'b.bin': text('one') },
      ordinal: 1,
      step: 1,
    });
    store.calls.length = 0;

    const files = { 'moved/c.bin': frozen, 'b.bin': text('two') };
    const second = await save({ store, claim, files, ordinal: 2, step: 2, parent: first.uploaded.manifest });

    expect(store.calls).toEqual([
      `put jobs/job-1/checkpoints/2-2-step2/${sha256Hex('two')}`,
      'put jobs/job-1/checkpoints/2-2-step2/manifest.json',
    ]);
    expect(second.uploaded).toMatchObject({ bytes: chunkBytes + 3, newBytes: 3 });
    expect(second.uploaded.manifest.parent).toBe(first.record.id);
    expect(digestsIn((await restore(store, claim)).dir)).toEqual(digestsOf(files));
  });

  it('re-uses nothing that only an older checkpoint names', async () => {
    const store = new MemoryObjectStore();
    const claim = new FakeJob('job-1').claim();
    const first = await save({ store, claim, files: { 'a.bin': text('one') }, ordinal: 1, step: 1 });
    const second = await save({
      store,
      claim,
      files: { 'a.bin': text('two') },
      ordinal: 2,
      step: 2,
      parent: first.uploaded.manifest,
    });
    const third = await save({
      store,
      claim,
      files: { 'a.bin': text('one') },
      ordinal: 3,
      step: 3,
      parent: second.uploaded.manifest,
    });
    expect(third.uploaded.manifest.files[0]?.chunks[0]?.key).toContain('/2-3-step3/');
  });

  it('keeps the key of the checkpoint that first stored a chunk, generation after generation', async () => {
    const store = new MemoryObjectStore();
    const claim = new FakeJob('job-1').claim();
    let parent = (await save({ store, claim, files: { 'a.bin': text('same') }, ordinal: 1, step: 1 }))
      .uploaded;
    for (let ordinal = 2; ordinal < 5; ordinal++) {
      parent = (
        await save({
          store,
          claim,
          files: { 'a.bin': text('same') },
          ordinal,
          step: ordinal,
          parent: parent.manifest,
        })
      ).uploaded;
      expect(parent.newBytes).toBe(0);
    }
    expect(parent.manifest.files[0]?.chunks[0]?.key).toContain('/2-1-step1/');
  });

  it('refuses a parent of another job', async () => {
    const store = new MemoryObjectStore();
    const other = await save({ store, claim: new FakeJob('job-10').claim(), files: {}, ordinal: 1, step: 1 });
    const claim = new FakeJob('job-1').claim();
    await expect(
      save({ store, claim, files: {}, ordinal: 1, step: 1, parent: other.uploaded.manifest }),
    ).rejects.toThrow(/same job/);
  });

  it('holds no more chunks in memory than it has lanes', async () => {
    let held = 0;
    let most = 0;
    const store = new WatchedStore();
    store.beforePut = async () => {
      await turn();
    };
    store.afterPut = (key) => {
      if (!key.endsWith('.json')) held--;
    };
    const files = Object.fromEntries(
      Array.from({ length: 20 }, (_, index) => [`${index}.bin`, noise(50, index)]),
    );
    const inner = memorySource(files);
    const source: CheckpointSource = {
      ...inner,
      read: async (path, offset, length) => {
        most = Math.max(most, ++held);
        return inner.read(path, offset, length);
      },
    };
    const claim = new FakeJob('job-1').claim();
    await uploadCheckpoint({
      ...uploadOptions({ store, claim, files, ordinal: 1, step: 1 }),
      source,
      lanes: 3,
    });
    expect(most).toBe(3);
  });

  it('says how many bytes are durable, growing to all of them, however few of them it had to send', async () => {
    const frozen = noise(chunkBytes + 10, 1);
    const files = {
      'a.bin': frozen,
      'b.bin': text('b'),
      'twin.bin': text('b'),
      'zeros.bin': new Uint8Array(1_000),
    };
    const seen: number[] = [];
    const claim = new FakeJob('job-1').claim();
    const store = new MemoryObjectStore();
    const before = await uploadCheckpoint(
      uploadOptions({ store, claim, files: { 'a.bin': frozen }, ordinal: 1, step: 1 }),
    );
    const { newBytes } = await uploadCheckpoint({
      ...uploadOptions({ store, claim, files, ordinal: 2, step: 2 }),
      parent: before.manifest,
      codec: { choose: () => 'planes-zlib', measured() {} },
      onProgress: (bytes) => seen.push(bytes),
    });
    expect(newBytes).toBeLessThan(200);
    expect(seen.at(-1)).toBe(chunkBytes + 10 + 1 + 1 + 1_000);
    expect(seen).toEqual(seen.toSorted((left, right) => left - right));
  });
});

describe('an upload on a bad network', () => {
  it.each(['unavailable', 'lost-answer', 'lands-late', 'delayed'] as const)(
    'gets through puts that meet %s',
    async (fault) => {
      const inner = new MemoryObjectStore();
      const store = new FaultyObjectStore(inner, { random: seededRandom(7), rates: { [fault]: 0.3 } });
      const job = new FakeJob('job-1');
      const files = Object.fromEntries(
        Array.from({ length: 40 }, (_, index) => [`${index}.bin`, noise(100, index)]),
      );
      await save({ store, claim: job.claim(), files, ordinal: 1, step: 1 });
      await store.settle();
      expect(store.faults.length).toBeGreaterThan(5);
      expect(digestsIn((await restore(inner, job.claim())).dir)).toEqual(digestsOf(files));
    },
  );

  it('gives up a store that stays away, with its error and without a manifest', async () => {
    const inner = new MemoryObjectStore();
    const store = new FaultyObjectStore(inner, { random: seededRandom(1), rates: { unavailable: 1 } });
    const clock = quickClock();
    const claim = new FakeJob('job-1').claim();
    const options = uploadOptions({ store, claim, files: { 'a.bin': text('a') }, ordinal: 1, step: 1 });
    await expect(uploadCheckpoint({ ...options, clock })).rejects.toBeInstanceOf(TransientError);
    expect(clock.sleeps).toBe(6);
    expect(await keysUnder(inner, 'jobs/')).toEqual([]);
  });

  it('does not repeat what was refused for good', async () => {
    const store = new WatchedStore();
    let puts = 0;
    store.beforePut = async () => {
      puts++;
      throw new AccessDeniedError('no s3:PutObject');
    };
    const claim = new FakeJob('job-1').claim();
    const options = uploadOptions({
      store,
      claim,
      files: { 'a.bin': text('a') },
      ordinal: 1,
      step: 1,
    });
    await expect(uploadCheckpoint(options)).rejects.toBeInstanceOf(AccessDeniedError);
    expect(puts).toBe(1);
  });
});

/** Bytes become final when the test says so. */
function growingSource(files: Readonly<Record<string, Uint8Array>>) {
  const final = new Map<string, number>();
  const waiting: (() => void)[] = [];
  let abandoned: Error | undefined;
  let whole = false;
  const wake = (): void => waiting.splice(0).forEach((resolve) => resolve());
  const until = async (isTrue: () => boolean, signal: AbortSignal): Promise<void> => {
    signal.addEventListener('abort', wake, { once: true });
    for (;;) {
      signal.throwIfAborted();
      if (abandoned !== undefined) throw abandoned;
      if (isTrue()) return;
      await new Promise<void>((resolve) => waiting.push(resolve));
    }
  };
  const source: CheckpointSource = {
    ...memorySource(files),
    available: (path, upTo, signal) => until(() => (final.get(path) ?? 0) >= upTo, signal),
    read: async (path, offset, length) => {
      expect(final.get(path) ?? 0, 'bytes are read before they are final').toBeGreaterThanOrEqual(
        offset + length,
      );
      return files[path]!.slice(offset, offset + length);
    },
    complete: (signal) => until(() => whole, signal),
  };
  return {
    source,
    wrote: async (path: string, upTo: number) => {
      final.set(path, upTo);
      wake();
      // A chunk is hashed in slices, one in each turn.
      for (let turns = 0; turns < 40; turns++) await turn();
    },
    finish: () => {
      whole = true;
      wake();
    },
    abandon: (error: Error) => {
      abandoned = error;
      wake();
    },
  };
}

describe('an upload of files that are still being written', () => {
  const files = { 'a.bin': noise(2 * chunkBytes + 3, 1), 'b.bin': text('bb') };
  const start = (signal = new AbortController().signal) => {
    const store = new WatchedStore();
    const growing = growingSource(files);
    const job = new FakeJob('job-1');
    const options = uploadOptions({ store, claim: job.claim(), files, ordinal: 1, step: 1 });
    const uploading = uploadCheckpoint({ ...options, source: growing.source, signal });
    uploading.catch(() => {});
    return { store, job, uploading, ...growing };
  };

  it('sends each chunk as soon as it is final, whatever file comes first, and the manifest only when all is complete', async () => {
    const { store, uploading, wrote, finish } = start();
    await wrote('a.bin', chunkBytes - 1);
    expect(store.calls).toHaveLength(0);
    await wrote('a.bin', chunkBytes);
    expect(store.calls).toHaveLength(1);
    await wrote('b.bin', 2);
    expect(store.calls).toHaveLength(2);
    await wrote('a.bin', 2 * chunkBytes + 3);
    expect(store.calls).toHaveLength(4);
    expect(store.calls.some((call) => call.endsWith('manifest.json'))).toBe(false);
    finish();
    await expect(uploading).resolves.toMatchObject({ newBytes: 2 * chunkBytes + 5 });
    expect(store.calls.at(-1)).toMatch(/manifest\.json$/);
  });

  it('stops without a manifest when the checkpoint is abandoned in the middle', async () => {
    const { store, uploading, wrote, abandon } = start();
    await wrote('a.bin', chunkBytes);
    abandon(new Error('the disk is full'));
    await expect(uploading).rejects.toThrow('the disk is full');
    expect(store.calls).toHaveLength(1);
  });

  it('stops without a manifest when it is abandoned after its last byte', async () => {
    const { store, uploading, wrote, abandon } = start();
    await wrote('a.bin', 2 * chunkBytes + 3);
    await wrote('b.bin', 2);
    abandon(new Error('the trainer died before it said staged'));
    await expect(uploading).rejects.toThrow('before it said staged');
    expect(store.calls.some((call) => call.endsWith('manifest.json'))).toBe(false);
  });

  it('stops with the reason of its signal, wherever it waits, and leaves nothing that a restore would see', async () => {
    const stop = new AbortController();
    const { store, job, uploading, wrote } = start(stop.signal);
    await wrote('a.bin', chunkBytes);
    stop.abort(new Error('superseded'));
    await expect(uploading).rejects.toThrow('superseded');
    const calls = store.calls.length;
    for (let turns = 0; turns < 10; turns++) await turn();
    expect(store.calls).toHaveLength(calls);
    expect((await restore(store, job.claim())).outcome).toBe('fresh');
  });

  it('can be aborted at each of its puts, and never leaves a manifest', async () => {
    const small = Object.fromEntries([1, 2, 3, 4].map((index) => [`${index}.bin`, noise(10, index)]));
    for (let at = 1; at <= 5; at++) {
      const stop = new AbortController();
      const store = new WatchedStore();
      store.beforePut = async () => {
        if (store.calls.length + 1 === at) stop.abort(new Error(`stopped at put ${at}`));
      };
      const job = new FakeJob('job-1');
      const options = uploadOptions({
        store,
        claim: job.claim(),
        files: small,
        ordinal: 1,
        step: 1,
      });
      await expect(uploadCheckpoint({ ...options, signal: stop.signal, lanes: 1 })).rejects.toThrow(
        `stopped at put ${at}`,
      );
      expect(await store.get('jobs/job-1/checkpoints/2-1-step1/manifest.json'), `put ${at}`).toBeUndefined();
    }
  });
});

describe('a folder as a source', () => {
  it('reads what was announced, not what the disk holds', async () => {
    const dir = temporaryFolder();
    writeFileSync(join(dir, 'slot.bin'), 'content and zeros of the preallocated rest');
    const source = folderSource(dir, [{ path: 'slot.bin', bytes: 7 }]);
    expect(Buffer.from(await source.read('slot.bin', 0, 7)).toString()).toBe('content');
    expect(Buffer.from(await source.read('slot.bin', 3, 4)).toString()).toBe('tent');
  });

  it('makes a checkpoint that is equal to the folder', async () => {
    const dir = temporaryFolder();
    writeFileSync(join(dir, 'a.bin'), noise(chunkBytes + 100, 3));
    const job = new FakeJob('job-1');
    const store = new MemoryObjectStore();
    const claim = job.claim();
    const options = uploadOptions({ store, claim, files: {}, ordinal: 1, step: 1 });
    const uploaded = await uploadCheckpoint({
      ...options,
      source: folderSource(dir, [{ path: 'a.bin', bytes: chunkBytes + 100 }]),
    });
    expect(uploaded.bytes).toBe(chunkBytes + 100);
    expect(uploaded.manifest.files[0]?.chunks.map((chunk) => chunk.sha256)).toEqual([
      sha256Hex(noise(chunkBytes + 100, 3).subarray(0, chunkBytes)),
      sha256Hex(noise(chunkBytes + 100, 3).subarray(chunkBytes)),
    ]);
  });

  it('names a file that is shorter than announced, or gone', async () => {
    const dir = temporaryFolder();
    writeFileSync(join(dir, 'short.bin'), 'abc');
    const source = folderSource(dir, []);
    await expect(source.read('short.bin', 0, 4)).rejects.toThrow(/shorter than announced.*short\.bin/);
    await expect(source.read('gone.bin', 0, 1)).rejects.toBeInstanceOf(UserProgramError);
  });
});
