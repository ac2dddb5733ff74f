import { describe, expect, it } from 'vitest';
import { sha256Hex } from '../../../lib/base/digest.ts';
import { silentLog } from '../../../lib/base/log.ts';
import { seededRandom } from '../../../lib/base/random.ts';
import type { ChunkMeasurement, CodecChooser } from '../../../lib/checkpoint/codec/choose-codec.ts';
import { encodeChunk } from '../../../lib/checkpoint/codec/encode-chunk.ts';
import { codecToWrite } from '../../../lib/checkpoint/codec/entropy.ts';
import { commitCheckpoint } from '../../../lib/checkpoint/commit.ts';
import { readChunk } from '../../../lib/checkpoint/read-chunk.ts';
import { uploadCheckpoint } from '../../../lib/checkpoint/upload.ts';
import { DamagedObjectError } from '../../../lib/checkpoint/verified-get.ts';
import { type Chunk, chunkBytes, type Codec, type Manifest } from '../../../lib/contract/manifest.ts';
import { MemoryObjectStore } from '../../../lib/store/memory-object-store.ts';
import { bell, bytesOf } from './codec/samples.ts';
import { FakeJob } from './fake-job.ts';
import {
  digestsIn,
  digestsOf,
  type Files,
  keepAll,
  noise,
  quickClock,
  restore,
  uploadOptions,
} from './files.ts';

/** One chunk and 20,000 bytes, of a pattern that repeats: codecs see no further than its numbers. */
const pattern = bytesOf(bell(50_000, 11));
const numbers = Uint8Array.from({ length: chunkBytes + 20_000 }, (_, at) => pattern[at % pattern.length]!);
const files: Files = {
  'weights.safetensors': numbers,
  'noise.bin': noise(90_001, 4),
  'tiny.json': new TextEncoder().encode('{}'),
};

/** Chooses by the length of a chunk, and keeps what it is told. */
function chooserOf(
  choose: (bytes: number) => Codec,
): CodecChooser & { readonly told: readonly ChunkMeasurement[] } {
  const told: ChunkMeasurement[] = [];
  return { told, choose: ({ bytes }) => choose(bytes), measured: (chunk) => void told.push(chunk) };
}

async function saveWith(codec: CodecChooser, parent?: Manifest) {
  const store = new MemoryObjectStore();
  const job = new FakeJob('job-1');
  const claim = job.claim();
  const options = uploadOptions({ store, claim, files, ordinal: 1, step: 10, parent });
  const uploaded = await uploadCheckpoint({ ...options, codec, lanes: 1 });
  await commitCheckpoint(claim, { uploaded, epoch: 0, example: 0, reason: 'policy', keep: keepAll });
  return { store, claim, uploaded };
}

const chunksOf = (manifest: Manifest): readonly Chunk[] => manifest.files.flatMap((file) => file.chunks);

describe('a checkpoint of several codecs', () => {
  it('is restored to the very bytes, and says of each chunk how it lies in the store', async () => {
    const codec = chooserOf((bytes) => (bytes === 20_000 ? 'none' : codecToWrite));
    const { store, claim, uploaded } = await saveWith(codec);

    const [first, second, mixed, tiny] = chunksOf(uploaded.manifest);
    expect(first).toMatchObject({ codec: codecToWrite, bytes: chunkBytes });
    expect(first!.stored).toBeLessThan(chunkBytes * 0.86);
    expect(first!.key.endsWith(`/${first!.sha256}.${codecToWrite}`)).toBe(true);
    expect(second).toMatchObject({ codec: 'none', bytes: 20_000, stored: 20_000 });
    // Chosen to be coded, and stored as they are, since coding makes them no smaller.
    expect([mixed, tiny]).toMatchObject([{ codec: 'none', bytes: 90_001 }, { codec: 'none' }]);
    expect(codec.told.find(({ rawBytes }) => rawBytes === 90_001)).toMatchObject({
      codec: codecToWrite,
      storedBytes: 90_001,
    });
    expect(uploaded.manifest.format).toBe(2);
    expect(uploaded.newBytes).toBe(chunksOf(uploaded.manifest).reduce((sum, { stored }) => sum + stored, 0));

    const restored = await restore(store, claim);
    expect(restored.outcome).toBe('restored');
    expect(digestsIn(restored.dir)).toEqual(digestsOf(files));
  });

  it('keeps format 1 where nothing is coded, so that an older Holdfast reads it', async () => {
    const { uploaded } = await saveWith(chooserOf(() => 'none'));
    expect(uploaded.manifest.format).toBe(1);
  });

  it('is never loaded when a coded chunk is damaged anywhere, cut short or gone', async () => {
    const seed = Math.floor(Math.random() * 2 ** 31);
    const random = seededRandom(seed);
    const raw = bytesOf(bell(20_000, 3));
    const stored = encodeChunk(raw, codecToWrite)!;
    const store = new MemoryObjectStore();
    const chunk: Chunk = {
      key: 'jobs/job-1/checkpoints/1-1-step1/chunk',
      sha256: sha256Hex(raw),
      bytes: raw.byteLength,
      codec: codecToWrite,
      stored: stored.byteLength,
    };
    const ports = { store, clock: quickClock(), random: seededRandom(1), log: silentLog };
    const read = () => readChunk(ports, chunk, new AbortController().signal);

    await expect(read()).rejects.toBeInstanceOf(DamagedObjectError);
    await store.put(chunk.key, stored);
    expect(await read()).toEqual(raw);
    let refused = 0;
    for (let round = 0; round < 150; round++) {
      const damaged = stored.slice(
        0,
        round % 10 === 0 ? Math.floor(random.next() * stored.byteLength) : undefined,
      );
      // Headers of frame and planes lie in the first bytes: every other blow falls there.
      const at = Math.floor(
        random.next() * (round % 2 === 0 ? damaged.byteLength : Math.min(64, damaged.byteLength)),
      );
      damaged[at] = (damaged[at] ?? 0) ^ (1 << Math.floor(random.next() * 8));
      await store.put(chunk.key, damaged);
      const outcome = await read().catch((error: unknown) => error);
      // A stream of codes may end within a byte, whose last bits mean nothing.
      if (outcome instanceof Uint8Array) expect(outcome, `seed ${seed}, round ${round}`).toEqual(raw);
      else expect(outcome, `seed ${seed}, round ${round}`).toBeInstanceOf(DamagedObjectError);
      if (!(outcome instanceof Uint8Array)) refused += 1;
    }
    expect(refused, `seed ${seed}`).toBeGreaterThan(140);
  });

  it('lets a later save use a coded chunk again, whatever it would choose itself', async () => {
    const { store, claim, uploaded } = await saveWith(chooserOf(() => codecToWrite));
    const options = uploadOptions({ store, claim, files, ordinal: 2, step: 20, parent: uploaded.manifest });
    const codec = chooserOf(() => 'none');
    const again = await uploadCheckpoint({ ...options, codec });
    expect(again.newBytes).toBe(0);
    expect(codec.told).toEqual([]);
    expect(again.manifest.files).toEqual(uploaded.manifest.files);
  });
});
