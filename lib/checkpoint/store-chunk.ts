import { assert } from '../base/assert.ts';
import type { Clock } from '../base/clock.ts';
import { type Sha256, sha256InSlices } from '../base/digest.ts';
import type { Random } from '../base/random.ts';
import { retry } from '../base/retry.ts';
import type { Chunk, Codec } from '../contract/manifest.ts';
import { type CheckpointName, objectKeys } from '../contract/object-keys.ts';
import type { ObjectStore } from '../store/object-store.ts';
import type { ChunkMeasurement } from './codec/choose-codec.ts';
import { encodeChunk } from './codec/encode-chunk.ts';

export interface ChunkPorts {
  readonly store: ObjectStore;
  readonly clock: Clock;
  readonly random: Random;
}

/** What to do with a chunk, once its digest is known: nothing, or store it by this codec, where that makes it smaller. */
export type ChunkVerdict = 'known' | Codec;

export interface ChunkToStore {
  readonly jobId: string;
  /** The save that stores it. */
  readonly name: CheckpointName;
  /** Raw length. */
  readonly bytes: number;
  /** The raw bytes. They may lie in a buffer that is used again once `storeChunk` has ended. */
  readonly read: () => Promise<Uint8Array>;
  /** Asked once the digest is known. */
  readonly judge: (sha256: Sha256) => Promise<ChunkVerdict>;
  readonly signal: AbortSignal;
}

export type StoredChunk =
  | { readonly outcome: 'known'; readonly sha256: Sha256 }
  | { readonly outcome: 'stored'; readonly chunk: Chunk; readonly measured: ChunkMeasurement };

/**
 * One chunk from its raw bytes to the store: read, hashed, judged, coded, put. The same code runs in the process itself and
 * in threads. Rejects only after its last request has ended.
 * @throws TransientError when the store stays away; AccessDeniedError; what `read` and `judge` reject with; the reason of `signal`
 */
export async function storeChunk(ports: ChunkPorts, wanted: ChunkToStore): Promise<StoredChunk> {
  const { store, clock, random } = ports;
  const { jobId, name, bytes, signal } = wanted;
  const raw = await wanted.read();
  assert(raw.byteLength === bytes, 'a source reads what it was asked for', { bytes, read: raw.byteLength });
  const sha256 = await sha256InSlices(raw);
  const verdict = await wanted.judge(sha256);
  if (verdict === 'known') return { outcome: 'known', sha256 };
  const startedMs = clock.monotonicMs();
  const coded = encodeChunk(raw, verdict);
  const encodeMs = clock.monotonicMs() - startedMs;
  const body = coded ?? raw;
  // The name is the digest of the raw bytes; the store is told that of what it gets.
  const storedSha256 = coded === undefined ? sha256 : await sha256InSlices(coded);
  const codec = coded === undefined ? 'none' : verdict;
  const stored = body.byteLength;
  const key = objectKeys.chunk(jobId, name, { sha256, codec });
  const putAtMs = clock.monotonicMs();
  // Without a condition: a second put of the same bytes under their own digest can only repair.
  await retry(() => store.put(key, body, { sha256: storedSha256, signal }), { clock, random, signal });
  const putMs = clock.monotonicMs() - putAtMs;
  return {
    outcome: 'stored',
    chunk: { key, sha256, bytes, codec, stored },
    measured: {
      codec: verdict,
      rawBytes: bytes,
      storedBytes: stored,
      encodeMs,
      putMs,
    },
  };
}
