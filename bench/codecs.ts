import { cpuUsage } from 'node:process';
import { decodeChunk } from '../lib/checkpoint/codec/decode-chunk.ts';
import { encodeChunk } from '../lib/checkpoint/codec/encode-chunk.ts';
import { entropyCoders } from '../lib/checkpoint/codec/entropy.ts';
import { type Codec, chunkBytes, codecSchema } from '../lib/contract/manifest.ts';
import { cpuSeconds } from './harness/cpu-time.ts';
import { median } from './harness/statistics.ts';

export interface CodecMeasurement {
  readonly codec: Codec;
  /** Stored ÷ raw bytes. */
  readonly storedShare: number;
  /** Raw bytes in a CPU second of one thread; NaN for `none`, which does nothing. */
  readonly encodeBytesPerSecond: number;
  readonly decodeBytesPerSecond: number;
}

/**
 * Each codec that this Node.js writes on `sample`, cut as a file of a checkpoint is. By CPU time, so that other processes
 * of the machine do not count; the median of `runs` passes over the whole sample.
 */
export function measureCodecs(sample: Uint8Array, runs: number = 5): readonly CodecMeasurement[] {
  return codecSchema.options
    .filter((codec) => codec === 'none' || entropyCoders[codec].compress !== undefined)
    .map((codec) => measureCodec(codec, { sample, runs }));
}

function measureCodec(
  codec: Codec,
  { sample, runs }: { readonly sample: Uint8Array; readonly runs: number },
): CodecMeasurement {
  if (codec === 'none') {
    return { codec, storedShare: 1, encodeBytesPerSecond: Number.NaN, decodeBytesPerSecond: Number.NaN };
  }
  const chunks = cuts(sample);
  const encoded = chunks.map((raw) => encodeChunk(raw, codec));
  const encodeSeconds = secondsOf(runs, () => chunks.forEach((raw) => encodeChunk(raw, codec)));
  const decodeSeconds = secondsOf(runs, () =>
    encoded.forEach((stored, at) => {
      const bytes = chunks[at]?.byteLength ?? 0;
      if (stored !== undefined) decodeChunk(stored, { codec, bytes });
    }),
  );
  const stored = chunks.reduce((sum, raw, at) => sum + (encoded[at] ?? raw).byteLength, 0);
  return {
    codec,
    storedShare: stored / sample.byteLength,
    encodeBytesPerSecond: sample.byteLength / encodeSeconds,
    decodeBytesPerSecond: sample.byteLength / decodeSeconds,
  };
}

/**
 * What a delta to an earlier checkpoint would hand to a codec: the bits in which `sample` differs from `before`. Only
 * measured; docs/adr says why no checkpoint is stored so.
 */
export function differingBits(sample: Uint8Array, before: Uint8Array): Uint8Array {
  return sample.map((byte, at) => byte ^ (before[at] ?? 0));
}

function cuts(sample: Uint8Array): readonly Uint8Array[] {
  return Array.from({ length: Math.ceil(sample.byteLength / chunkBytes) }, (_, index) =>
    sample.subarray(index * chunkBytes, (index + 1) * chunkBytes),
  );
}

/** The first pass warms the code up and does not count. */
function secondsOf(runs: number, run: () => void): number {
  run();
  const seconds = Array.from({ length: runs }, () => {
    const since = cpuUsage();
    run();
    return cpuSeconds(since);
  });
  return median(seconds);
}
