import type { Codec } from '../../contract/manifest.ts';
import type { PlaneCodec } from './entropy.ts';

/** What a save is for: one that goes on beside the training, or one that a notice has made urgent. */
export type SaveOccasion = 'background' | 'emergency';

/** Asked by one save for each chunk that has to be stored, and told what became of it. */
export interface CodecChooser {
  /** Quick, and never throws. */
  choose(chunk: { readonly bytes: number }): Codec;
  measured(chunk: ChunkMeasurement): void;
}

export interface ChunkMeasurement {
  /** What was chosen, also where the chunk was stored raw because coding had not made it smaller. */
  readonly codec: Codec;
  readonly rawBytes: number;
  readonly storedBytes: number;
  /** Time of `encodeChunk`; 0 for `none`. */
  readonly encodeMs: number;
  readonly putMs: number;
}

/** What is known of the line and of one codec; undefined where nothing was measured yet. */
export interface CodecFacts {
  readonly codec: PlaneCodec;
  readonly occasion: SaveOccasion;
  /** Of all puts together. */
  readonly networkBytesPerSecond: number | undefined;
  /** Raw bytes that one thread encodes in a second, by the clock: where the training needs its core, they are fewer. */
  readonly encodeBytesPerSecond: number | undefined;
  /** Stored ÷ raw bytes. */
  readonly storedShare: number | undefined;
  /** Threads that encode for this save. */
  readonly cores: number;
}

/** Hashing and putting take CPU besides: 0.68 and 0.36 s for each GB (SHA-256 in hardware, S3 over http). */
const otherWorkSecondsPerByte = 1.04e-9;

/** Share of the time that must be won. In an emergency a wrong guess costs more than a right one wins. */
const gainMin: Readonly<Record<SaveOccasion, number>> = { background: 0.04, emergency: 0.08 };

/**
 * The codec that makes a save faster by what was measured, else `none`. Encoding, hashing and sending overlap from chunk
 * to chunk, so a save takes as long as the slower of the line and the cores:
 * `max(storedShare / network, (1 / encode + other work) / cores)` for each byte, against `1 / network`.
 */
export function chooseCodec(facts: CodecFacts): Codec {
  const { codec, occasion, networkBytesPerSecond, encodeBytesPerSecond, storedShare, cores } = facts;
  if (networkBytesPerSecond === undefined || encodeBytesPerSecond === undefined) return 'none';
  if (storedShare === undefined || cores <= 0) return 'none';
  const plain = 1 / networkBytesPerSecond;
  const onTheLine = storedShare / networkBytesPerSecond;
  const onTheCores = (1 / encodeBytesPerSecond + otherWorkSecondsPerByte) / cores;
  return Math.max(onTheLine, onTheCores) <= plain * (1 - gainMin[occasion]) ? codec : 'none';
}
