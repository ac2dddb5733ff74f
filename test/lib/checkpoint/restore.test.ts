import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  AccessDeniedError,
  FencedError,
  TransientError,
  UnfitError,
  UnknownFormatError,
  UnrecoverableError,
} from '../../../lib/base/errors.ts';
import { digestOfChunks, sha256Hex } from '../../../lib/base/digest.ts';
import { seededRandom } from '../../../lib/base/random.ts';
import { openRestoreFolder } from '../../../lib/checkpoint/restore-folder.ts';
import { type Chunk, type Manifest, chunkBytes, manifestSchema } from '../../../lib/contract/manifest.ts';
import { encodeDocument } from '../../../lib/contract/parse-document.ts';
import type { Claim } from '../../../lib/journal/claim.ts';
import { FaultyObjectStore } from '../../../proof/rehearsal/faulty-object-store.ts';
import { FakeJob } from './fake-job.ts';
import {
  type Files,
  WatchedStore,
  digestsIn,
  digestsOf,
  noise,
  restore,
  save,
  temporaryFolder,
  text,
} from './files.ts';

interface World {
  readonly store: WatchedStore;
  readonly job: FakeJob;
  readonly older: Files;
  readonly newer: Files;
  readonly olderId: string;
  readonly newerId: string;
  readonly manifestKey: string;
  /** Keys of the newer checkpoint's chunks, in file order. */
  readonly chunkKeys: readonly string[];
  /** A folder to restore to, again and again. */
  readonly scratch: string;
}

/** Two committed checkpoints that share nothing, and a claim's worth of time since. */
async function twoCheckpoints(
  newer: Files = { 'a.bin': text('newer'), 'deep/b.bin': text('more') },
): Promise<World> {
  const store = new WatchedStore();
  const job = new FakeJob('job-1');
  const claim = job.claim();
  const older = { 'a.bin': text('older') };
  const first = await save({ store, claim, files: older, ordinal: 1, step: 10 });
  const second = await save({
    store,
    claim,
    files: newer,
    ordinal: 2,
    step: 20,
    parent: first.uploaded.manifest,
  });
  return {
    store,
    job,
    older,
    newer,
    olderId: first.record.id,
    newerId: second.record.id,
    manifestKey: second.uploaded.ref.key,
    chunkKeys: second.uploaded.manifest.files.flatMap((file) => file.chunks.map((chunk) => chunk.key)),
    scratch: temporaryFolder(),
  };
}

/** The damage is found, told and survived: the older checkpoint comes back whole. */
async function expectFallBack(world: World, why: RegExp): Promise<void> {
  const job = world.job.copy();
  const restored = await restore(world.store, job.claim());
  expect(restored).toMatchObject({ outcome: 'restored', record: { id: world.olderId, step: 10 } });
  expect(restored).toHaveProperty('passedOver', [
    { checkpoint: world.newerId, why: expect.stringMatching(why) },
  ]);
  expect(digestsIn(restored.dir)).toEqual(digestsOf(world.older));
  expect(job.entries.filter((entry) => entry.kind === 'quarantined')).toMatchObject([
    { checkpoint: world.newerId, why: expect.stringMatching(why) },
  ]);
}

async function bytesAt(world: World, key: string): Promise<Uint8Array> {
  return (await world.store.get(key))!.body;
}

function flipped(bytes: Uint8Array, at: number): Uint8Array {
  const copy = bytes.slice();
  copy[at] = copy[at]! ^ 0x01;
  return copy;
}

describe('a damaged chunk', () => {
  const three: Files = { 'a.bin': noise(2 * chunkBytes + 1_000, 4) };
  const places = ['first', 'middle', 'last'] as const;
  it.each(places.flatMap((chunk) => places.map((byte) => [byte, chunk] as const)))(
    'with one flipped bit in its %s byte is never loaded when it is the %s of its file',
    async (byte, chunk) => {
      const world = await twoCheckpoints(three);
      const key = world.chunkKeys[places.indexOf(chunk)]!;
      const good = await bytesAt(world, key);
      const at = { first: 0, middle: good.length >> 1, last: good.length - 1 }[byte];
      await world.store.put(key, flipped(good, at));
      await expectFallBack(world, /chunk holds .* bytes with digest/);
    },
  );

  it('is never loaded whatever byte is flipped, and the whole one always is', async () => {
    const world = await twoCheckpoints();
    const key = world.chunkKeys[0]!;
    const good = await bytesAt(world, key);
    for (let at = 0; at < good.length; at++) {
      await world.store.put(key, flipped(good, at));
      await expectFallBack(world, /digest/);
    }
    await world.store.put(key, good);
    expect(await restore(world.store, world.job.copy().claim())).toMatchObject({
      record: { id: world.newerId },
    });
  });

  it.each<[string, (good: Uint8Array) => Uint8Array]>([
    ['truncated by a byte', (good) => good.slice(0, -1)],
    ['empty', () => new Uint8Array(0)],
    ['longer by a byte', (good) => Uint8Array.from([...good, 0])],
    ['doubled', (good) => Uint8Array.from([...good, ...good])],
  ])('that is %s is never loaded', async (_, bend) => {
    const world = await twoCheckpoints();
    const key = world.chunkKeys[0]!;
    await world.store.put(key, bend(await bytesAt(world, key)));
    await expectFallBack(world, /chunk holds/);
  });

  it('that holds the bytes of another chunk is never loaded', async () => {
    const world = await twoCheckpoints({ 'a.bin': text('AAAA'), 'b.bin': text('BBBB') });
    const [first, second] = world.chunkKeys;
    const [a, b] = [await bytesAt(world, first!), await bytesAt(world, second!)];
    await world.store.put(first!, b);
    await world.store.put(second!, a);
    await expectFallBack(world, /chunk holds/);
  });

  it('that is missing is damage, and named in the quarantine', async () => {
    const world = await twoCheckpoints();
    await world.store.delete([world.chunkKeys[1]!]);
    await expectFallBack(world, /chunk is missing from the store/);
    const job = world.job.copy();
    await restore(world.store, job.claim());
    expect(job.entries.at(-1)).toMatchObject({ kind: 'quarantined', chunks: [world.chunkKeys[1]] });
  });

  it('that arrives bent once is fetched once more, and no checkpoint is blamed', async () => {
    const world = await twoCheckpoints();
    const key = world.chunkKeys[0]!;
    let bent = 0;
    const inner = world.store.get;
    world.store.get = async (wanted, options) => {
      const object = await inner(wanted, options);
      if (wanted !== key || object === undefined || bent++ > 0) return object;
      return { ...object, body: flipped(object.body, 0) };
    };
    const job = world.job.copy();
    expect(await restore(world.store, job.claim())).toMatchObject({
      record: { id: world.newerId },
      passedOver: [],
    });
    expect(bent).toBe(2);
    expect(job.entries.some((entry) => entry.kind === 'quarantined')).toBe(false);
  });

  it('that older checkpoints share condemns each of them without another download of the rest', async () => {
    const store = new WatchedStore();
    const job = new FakeJob('job-1');
    const claim = job.claim();
    const good = await save({ store, claim, files: { 'own.bin': text('zero') }, ordinal: 1, step: 1 });
    let parent = good.uploaded;
    for (const ordinal of [2, 3, 4]) {
      const files = { 'frozen.bin': text('frozen'), 'own.bin': text(`${ordinal}`) };
      parent = (await save({ store, claim, files, ordinal, step: ordinal, parent: parent.manifest }))
        .uploaded;
    }
    const frozen = parent.manifest.files[0]!.chunks[0]!.key;
    await store.put(frozen, text('broken'));
    store.calls.length = 0;

    const restored = await restore(store, job.claim(), { lanes: 1 });

    expect(restored).toMatchObject({ record: { id: good.record.id } });
    expect(restored).toHaveProperty('passedOver.length', 3);
    expect(store.calls.filter((call) => call === `get ${frozen}`)).toHaveLength(2);
  });
});

describe('a damaged manifest', () => {
  it('with one flipped bit anywhere is never believed', async () => {
    const world = await twoCheckpoints();
    const good = await bytesAt(world, world.manifestKey);
    expect(good.length).toBeGreaterThan(1_000);
    // Every thirteenth byte: keys, values, digests and brackets are among them, and a restore takes milliseconds.
    for (let at = 0; at < good.length; at += 13) {
      await world.store.put(world.manifestKey, flipped(good, at));
      const claim = world.job.copy().claim();
      const restored = await restore(world.store, claim, { dir: world.scratch });
      if (restored.outcome !== 'restored' || restored.record.id !== world.olderId)
        expect.fail(`byte ${at} was believed`);
    }
    await expectFallBack(world, /manifest holds/);
  });

  it.each<[string, (good: Uint8Array) => Uint8Array]>([
    ['truncated by a byte', (good) => good.slice(0, -1)],
    ['cut in half', (good) => good.slice(0, good.length >> 1)],
    ['empty', () => new Uint8Array(0)],
    ['longer by a newline', (good) => Uint8Array.from([...good, 10])],
    [
      'the manifest of another step',
      (good) => text(new TextDecoder().decode(good).replace('"step": 20', '"step": 21')),
    ],
    ['of a newer format, but not the one that was committed', () => encodeDocument({ format: 3 })],
  ])('that is %s is never believed', async (_, bend) => {
    const world = await twoCheckpoints();
    await world.store.put(world.manifestKey, bend(await bytesAt(world, world.manifestKey)));
    await expectFallBack(world, /manifest holds/);
  });

  it('that is missing is damage', async () => {
    const world = await twoCheckpoints();
    await world.store.delete([world.manifestKey]);
    await expectFallBack(world, /manifest is missing from the store/);
  });
});

/** Commits a manifest that somebody wrote on purpose: its digest is right, its meaning is not. */
async function committedManifest(bend: (manifest: Manifest) => object): Promise<World> {
  const world = await twoCheckpoints({ 'a.bin': text('newer'), 'b.bin': text('more') });
  const good = manifestSchema.parse(
    JSON.parse(new TextDecoder().decode(await bytesAt(world, world.manifestKey))),
  );
  const body = encodeDocument(bend(structuredClone(good)));
  await world.store.put(world.manifestKey, body);
  const last = world.job.entries.findLastIndex((entry) => entry.kind === 'checkpoint');
  const entry = world.job.entries[last];
  if (entry?.kind !== 'checkpoint') throw new Error('the last commit is a checkpoint');
  const entries = world.job.entries.with(last, {
    ...entry,
    manifest: { ...entry.manifest, sha256: sha256Hex(body) },
  });
  return { ...world, job: new FakeJob('job-1', entries) };
}

function withPaths(manifest: Manifest, ...paths: readonly string[]): object {
  return {
    ...manifest,
    files: manifest.files.map((file, index) => ({ ...file, path: paths[index] ?? file.path })),
  };
}

function withChunk(manifest: Manifest, facts: Partial<Chunk>): object {
  const [file, ...others] = manifest.files;
  return {
    ...manifest,
    files: [{ ...file, chunks: file!.chunks.map((chunk) => ({ ...chunk, ...facts })) }, ...others],
  };
}

describe('a manifest whose meaning is wrong although its digest is right', () => {
  it.each<[string, (manifest: Manifest) => object, RegExp]>([
    ['leaves the folder by ..', (m) => withPaths(m, '../escaped.bin'), /not valid.*relative path/],
    [
      'leaves the folder by an inner ..',
      (m) => withPaths(m, 'a/../../escaped.bin'),
      /not valid.*relative path/,
    ],
    ['names an absolute path', (m) => withPaths(m, '/etc/escaped'), /not valid.*relative path/],
    ['names a path with a backslash', (m) => withPaths(m, '..\\escaped'), /not valid.*relative path/],
    ['names a path twice', (m) => withPaths(m, 'a.bin', 'a.bin'), /a\.bin occurs twice/],
    ['puts a file inside a file', (m) => withPaths(m, 'a.bin', 'a.bin/b.bin'), /lies inside a file/],
    ['belongs to another job', (m) => ({ ...m, jobId: 'job-10' }), /belongs to job job-10/],
    ['belongs to another checkpoint', (m) => ({ ...m, ordinal: 9 }), /names checkpoint/],
    [
      'points to a chunk of another job',
      (m) => withChunk(m, { key: m.files[0]!.chunks[0]!.key.replace('job-1', 'job-2') }),
      /is not one of chunk .* in this job/,
    ],
    [
      'points to a key that spells another digest',
      (m) => withChunk(m, { key: m.files[1]!.chunks[0]!.key }),
      /is not one of chunk/,
    ],
    [
      'points to the journal',
      (m) => withChunk(m, { key: 'jobs/job-1/journal/00000000000000000001.json' }),
      /is not one of chunk/,
    ],
    ['counts bytes wrongly', (m) => withChunk(m, { bytes: 4, stored: 4 }), /hold 4 bytes, not 5/],
    ['gives a stored length that cannot be', (m) => withChunk(m, { stored: 4 }), /lengths are equal/],
    [
      'has a wrong file digest',
      (m) => ({ ...m, files: [{ ...m.files[0], digest: sha256Hex('x') }, m.files[1]] }),
      /digest of a\.bin/,
    ],
    [
      'leaves out a chunk',
      (m) => ({ ...m, files: [{ ...m.files[0], chunks: [] }, m.files[1]] }),
      /hold 0 bytes/,
    ],
    ['lacks a field', (m) => ({ ...m, runtime: undefined }), /not valid: runtime/],
    ['is a list', () => [1, 2], /not valid/],
  ])('that %s is damage', async (_, bend, why) => {
    await expectFallBack(await committedManifest(bend), why);
  });

  it('that lies about the length of a chunk and of its file is damage too', async () => {
    const world = await committedManifest((manifest) => ({
      ...manifest,
      files: manifest.files.map((file) => ({
        ...file,
        bytes: file.bytes - 1,
        chunks: file.chunks.map((chunk) => ({ ...chunk, bytes: chunk.bytes - 1, stored: chunk.bytes - 1 })),
      })),
    }));
    await expectFallBack(world, /chunk has \d bytes, its manifest says/);
  });

  it('of a newer format is no damage: it is named and left alone', async () => {
    const world = await committedManifest((manifest) => ({ ...manifest, format: 3 }));
    const before = world.job.entries.length;
    const claim = world.job.claim();
    await expect(restore(world.store, claim)).rejects.toBeInstanceOf(UnknownFormatError);
    expect(world.job.entries).toHaveLength(before + 1);
  });
});

describe('errors of the world', () => {
  it.each(['unavailable', 'delayed'] as const)('that pass (%s) are waited out', async (fault) => {
    const world = await twoCheckpoints(
      Object.fromEntries([1, 2, 3, 4, 5].map((n) => [`${n}`, noise(50, n)])),
    );
    const store = new FaultyObjectStore(world.store, { random: seededRandom(3), rates: { [fault]: 0.3 } });
    const restored = await restore(store, world.job.claim());
    expect(store.faults.length).toBeGreaterThan(0);
    expect(restored).toMatchObject({ record: { id: world.newerId }, passedOver: [] });
    expect(digestsIn(restored.dir)).toEqual(digestsOf(world.newer));
  });

  it.each([
    ['a store that stays away', new TransientError('503'), TransientError],
    ['a refused read', new AccessDeniedError('403'), AccessDeniedError],
    ['a fault of our own', new TypeError('x is not a function'), TypeError],
  ])('that do not pass (%s) are thrown and blamed on no checkpoint', async (_, error, kind) => {
    for (const broken of ['manifest', 'chunk'] as const) {
      const world = await twoCheckpoints();
      const key = broken === 'manifest' ? world.manifestKey : world.chunkKeys[0];
      const inner = world.store.get;
      world.store.get = async (wanted, options) => {
        if (wanted === key) throw error;
        return inner(wanted, options);
      };
      const claim = world.job.claim();
      const before = world.job.entries.length;
      await expect(restore(world.store, claim)).rejects.toBeInstanceOf(kind);
      expect(world.job.entries).toHaveLength(before);
    }
  });

  it('end a restore with the reason of its signal', async () => {
    const world = await twoCheckpoints();
    const stop = new AbortController();
    const inner = world.store.get;
    world.store.get = async (wanted, options) => {
      stop.abort(new Error('the notice came'));
      return inner(wanted, options);
    };
    await expect(restore(world.store, world.job.claim(), { signal: stop.signal })).rejects.toThrow(
      'the notice came',
    );
  });

  it('on the disk are the machine’s fault, not the checkpoint’s', async () => {
    const world = await twoCheckpoints();
    const file = join(temporaryFolder(), 'file');
    writeFileSync(file, '');
    const dir = join(file, 'no-folder');
    await expect(restore(world.store, world.job.claim(), { dir })).rejects.toBeInstanceOf(UnfitError);
    expect(world.job.entries.some((entry) => entry.kind === 'quarantined')).toBe(false);
  });
});

describe('a job whose checkpoints cannot be used', () => {
  it('stops loudly and says of each why, and never starts over', async () => {
    const world = await twoCheckpoints();
    await world.store.delete([world.chunkKeys[0]!]);
    const [olderManifest] = world.job.state.checkpoints;
    await world.store.put(olderManifest!.manifest.key, text('{}'));
    const failing = restore(world.store, world.job.claim());
    await expect(failing).rejects.toBeInstanceOf(UnrecoverableError);
    await expect(failing).rejects.toThrow(
      new RegExp(`${world.olderId}: manifest holds.*\n.*${world.newerId}: chunk is missing`),
    );
    await expect(failing).rejects.toMatchObject({
      remedy: 'reject',
      hint: expect.stringContaining('--from'),
    });
  });

  it('stops as well when all it ever committed was dropped', async () => {
    const { store, job } = await twoCheckpoints();
    const state = { ...job.state, checkpoints: [] };
    const claim: Claim = { ...job.claim() };
    const emptied = { ...claim, journal: { ...claim.journal, refresh: async () => state } };
    await expect(restore(store, emptied)).rejects.toBeInstanceOf(UnrecoverableError);
  });
});

describe('a restore beside other writers', () => {
  it('starts over when the checkpoint was dropped while it was read, and blames nobody', async () => {
    const world = await twoCheckpoints();
    const { store, job } = world;
    const claim = job.claim();
    const third = await save({ store, claim, files: { 'a.bin': text('third') }, ordinal: 1, step: 30 });
    const inner = store.get;
    let dropped = false;
    store.get = async (key, options) => {
      if (key === third.uploaded.ref.key && !dropped) {
        dropped = true;
        // Entry and deletion by the owner itself, as a request of an operator makes it do.
        await save({ store, claim, files: { 'a.bin': text('fourth') }, ordinal: 2, step: 40 });
        job.append({ kind: 'pruned', checkpoints: [third.record.id] }, claim.token);
        await store.delete([key]);
      }
      return inner(key, options);
    };
    const restored = await restore(store, claim);
    expect(restored).toMatchObject({ record: { step: 40 }, passedOver: [] });
    expect(job.entries.some((entry) => entry.kind === 'quarantined')).toBe(false);
  });

  it('is told that it is fenced instead of quarantining what the new owner pruned', async () => {
    const world = await twoCheckpoints();
    const zombie = world.job.claim();
    world.job.claim();
    await world.store.delete([world.chunkKeys[0]!]);
    await expect(restore(world.store, zombie)).rejects.toBeInstanceOf(FencedError);
    expect(world.job.entries.some((entry) => entry.kind === 'quarantined')).toBe(false);
  });
});

describe('the folder of a restore', () => {
  it('refuses a link that leads out of it', async () => {
    const outside = temporaryFolder();
    const dir = temporaryFolder();
    const folder = await openRestoreFolder(dir);
    symlinkSync(outside, join(dir, 'link'));
    await expect(folder.create('link/file.bin', 1)).rejects.toThrow(/outside the folder/);
    expect(digestsIn(outside)).toEqual({});
  });

  it('refuses a link in the place of a file', async () => {
    const outside = temporaryFolder();
    const dir = temporaryFolder();
    const folder = await openRestoreFolder(dir);
    symlinkSync(join(outside, 'target'), join(dir, 'file.bin'));
    await expect(folder.create('file.bin', 1)).rejects.toBeInstanceOf(UnfitError);
    await expect(folder.write('file.bin', 0, text('x'))).rejects.toBeInstanceOf(UnfitError);
    expect(digestsIn(outside)).toEqual({});
  });

  it('removes a link that lay in it, and leaves what it pointed to', async () => {
    const outside = temporaryFolder();
    mkdirSync(join(outside, 'kept'));
    const dir = temporaryFolder();
    symlinkSync(outside, join(dir, 'link'));
    const folder = await openRestoreFolder(dir);
    await folder.create('link/file.bin', 1);
    expect(Object.keys(digestsIn(dir))).toEqual(['link/file.bin']);
    expect(digestsIn(outside)).toEqual({});
  });
});

describe('digests in a manifest', () => {
  it('can be computed by hand: chunks from their bytes, a file from the digests of its chunks', async () => {
    const world = await twoCheckpoints({ 'a.bin': noise(chunkBytes + 1, 9) });
    const manifest = manifestSchema.parse(
      JSON.parse(new TextDecoder().decode(await bytesAt(world, world.manifestKey))),
    );
    const [file] = manifest.files;
    const [first, second] = file!.chunks;
    expect(first?.sha256).toBe(sha256Hex(world.newer['a.bin']!.subarray(0, chunkBytes)));
    expect(file?.digest).toBe(sha256Hex(`${first?.sha256}${second?.sha256}`));
    expect(file?.digest).toBe(digestOfChunks([first!.sha256, second!.sha256]));
  });
});
