import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sha256Hex } from '../../../../lib/base/digest.ts';
import { decodeChunk } from '../../../../lib/checkpoint/codec/decode-chunk.ts';
import { encodeChunk } from '../../../../lib/checkpoint/codec/encode-chunk.ts';
import { codecToWrite, type PlaneCodec } from '../../../../lib/checkpoint/codec/entropy.ts';
import { seededRandom } from '../../../../lib/base/random.ts';
import { bell, bytesOf, goldenChunks, noise } from './samples.ts';

/** What this Node.js can write; it reads all. */
const writable: readonly PlaneCodec[] =
  codecToWrite === 'planes-zlib' ? ['planes-zlib'] : ['planes-zlib', 'planes-zstd'];

/** Stored ÷ raw bytes, 1 where the chunk is stored raw; fails where the way there and back changes anything. */
function storedShare(raw: Uint8Array, codec: PlaneCodec): number {
  const before = sha256Hex(raw);
  const stored = encodeChunk(raw, codec);
  expect(sha256Hex(raw)).toBe(before);
  if (stored === undefined) return 1;
  expect(stored.byteLength).toBeLessThan(raw.byteLength);
  const back = decodeChunk(stored, { codec, bytes: raw.byteLength });
  expect(back.byteLength).toBe(raw.byteLength);
  expect(sha256Hex(back)).toBe(before);
  return stored.byteLength / raw.byteLength;
}

describe.each(writable)('a chunk coded by %s', (codec) => {
  it('makes numbers as of weights a sixth smaller, and gives them back bit for bit', () => {
    const share = storedShare(bytesOf(bell(256 * 1024, 1)), codec);
    expect(share).toBeLessThan(0.86);
    expect(share).toBeGreaterThan(0.8);
  });

  it('makes weights of a trained model smaller, and gives them back bit for bit', () => {
    // 8,192 weights of examples/char-gpt after 301 steps.
    const trained = readFileSync(join(dirname(goldenChunks), 'trained-weights.bin'));
    const share = storedShare(new Uint8Array(trained), codec);
    expect(share).toBeLessThan(0.87);
    expect(share).toBeGreaterThan(0.8);
  });

  it('gives back anything: words of any kind, runs of any length, cut anywhere', () => {
    const word = fc.oneof(fc.constant(0), fc.nat(255), fc.integer({ min: 0, max: 0xffff_ffff }));
    const run = fc.record({ word, length: fc.integer({ min: 1, max: 400 }) });
    const parts = fc.array(run, { maxLength: 30 });
    fc.assert(
      fc.property(parts, fc.nat(70), fc.nat(70), (runs, head, tail) => {
        const words = runs.flatMap(({ word: value, length }) => Array.from({ length }, () => value));
        const bytes = bytesOf(Uint32Array.from(words));
        storedShare(bytes.subarray(head, Math.max(head, bytes.byteLength - tail)), codec);
      }),
    );
  });

  it('lets zeros, constants and planes of few values vanish', () => {
    expect(storedShare(new Uint8Array(1 << 20), codec)).toBeLessThan(0.01);
    expect(storedShare(bytesOf(new Float32Array(1 << 18).fill(0.1)), codec)).toBeLessThan(0.01);
    expect(storedShare(bytesOf(Int32Array.from({ length: 1 << 16 }, (_, n) => n % 200)), codec)).toBeLessThan(
      0.3,
    );
  });

  it('keeps every bit of what is not a number, of minus zero and of infinities', () => {
    const random = seededRandom(7);
    const words = Uint32Array.from({ length: 40_000 }, (_, n) => {
      const payload = Math.floor(random.next() * 2 ** 22);
      return [0x7fc00000 | payload, 0xffc00001 | payload, 0x80000000, 0x7f800000, 0xff800000][n % 5] ?? 0;
    });
    expect(storedShare(bytesOf(words), codec)).toBeLessThan(0.9);
  });

  it('is not made where bytes have no order to begin with', () => {
    expect(encodeChunk(noise(1 << 18, 3), codec)).toBeUndefined();
  });

  it('round-trips at every length and place in memory', () => {
    const whole = bytesOf(bell(1_024, 5));
    for (let length = 0; length <= 300; length++) storedShare(whole.subarray(0, length), codec);
    for (let start = 0; start < 8; start++) {
      expect(storedShare(whole.subarray(start, start + 3_001), codec)).toBeLessThanOrEqual(1);
    }
  });
});
