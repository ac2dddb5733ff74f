import zlib from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { CorruptionError } from '../../../../lib/base/errors.ts';
import { type Random, seededRandom } from '../../../../lib/base/random.ts';
import { decodeChunk } from '../../../../lib/checkpoint/codec/decode-chunk.ts';
import { encodeChunk } from '../../../../lib/checkpoint/codec/encode-chunk.ts';
import type { PlaneCodec } from '../../../../lib/checkpoint/codec/entropy.ts';
import { headerBytes, writeHeader } from '../../../../lib/checkpoint/codec/frame.ts';
import { bell, bytesOf, goldenChunk } from './samples.ts';

const raw = bytesOf(bell(4_096, 21));
const bytes = raw.byteLength;
const plane = bytes / 4;

/** A frame whose last plane is `parts` after zstd's magic number. */
function zstdFrame(...parts: readonly (readonly number[])[]): Uint8Array {
  return frameWith(Uint8Array.from([[0x28, 0xb5, 0x2f, 0xfd], ...parts].flat()));
}

/** Of zstd: the header of a last block that repeats the byte 7 `times` times, and the byte. */
function lastBlock(times: number): readonly number[] {
  const header = times * 8 + 3;
  return [header & 255, (header >> 8) & 255, (header >> 16) & 255, 7];
}

/** Four bytes, little-endian. */
function length(value: number): readonly number[] {
  return [value & 255, (value >> 8) & 255, (value >> 16) & 255, value >>> 24];
}

/** A frame whose last plane is `coded`, and whose others are raw. */
function frameWith(coded: Uint8Array): Uint8Array {
  const frame = new Uint8Array(headerBytes + 3 * plane + coded.byteLength);
  const rawPlane = { isCoded: false, stored: plane };
  const planes = [rawPlane, rawPlane, rawPlane, { isCoded: true, stored: coded.byteLength }];
  writeHeader(frame, { bytes, planes });
  frame.set(coded, headerBytes + 3 * plane);
  return frame;
}

const decode = (stored: Uint8Array, codec: PlaneCodec, expected: number = bytes): Uint8Array =>
  decodeChunk(stored, { codec, bytes: expected });

describe('bytes that nobody has verified', () => {
  it.each(['planes-zlib', 'planes-zstd'] as const)(
    'and that were %s once give bytes of the right length, or damage by name, and nothing else',
    (codec) => {
      const seed = Math.floor(Math.random() * 2 ** 31);
      const random = seededRandom(seed);
      const whole = goldenChunk('weights', codec);
      const expected = bytes + 5;
      let refused = 0;
      for (let round = 0; round < 300; round++) {
        const stored = mutated(whole, random);
        try {
          expect(decode(stored, codec, expected).byteLength).toBe(expected);
        } catch (error) {
          expect(error, `seed ${seed}, round ${round}`).toBeInstanceOf(CorruptionError);
          refused += 1;
        }
      }
      expect(refused, `seed ${seed}`).toBeGreaterThan(50);
    },
  );

  it('are refused when the frame speaks of more than the manifest, before anything is made so large', () => {
    const stored = encodeChunk(raw, 'planes-zlib')!;
    new DataView(stored.buffer).setUint32(8, 0xffff_ffff, true);
    expect(() => decode(stored, 'planes-zlib')).toThrow(/speaks of 4294967295 raw bytes/);
    expect(() => decode(stored, 'planes-zlib', 0xffff_ffff)).toThrow(CorruptionError);
  });

  it('are refused when a plane of deflate swells beyond its length', () => {
    const bomb = zlib.deflateRawSync(new Uint8Array(4 * 1024 * 1024));
    expect(bomb.byteLength).toBeLessThan(plane * 1.01);
    const small = frameWith(bomb.subarray(0, Math.min(bomb.byteLength, plane - 1)));
    expect(() => decode(small, 'planes-zlib')).toThrow(/cannot read/);
  });

  it('are refused when a plane of zstd announces another length, a second frame or a dictionary', () => {
    // One block that repeats a byte: as sound as a frame can be, of the plane's length.
    const sound = [[0xa0], length(plane), lastBlock(plane)];
    expect(decode(zstdFrame(...sound), 'planes-zstd').subarray(-1)).toEqual(Uint8Array.of(7));

    const announced = zstdFrame([0xa0], length(2 ** 31), lastBlock(plane));
    expect(() => decode(announced, 'planes-zstd')).toThrow(/announces another length/);
    const window = zstdFrame([0x80, 0xff], length(2 ** 31), lastBlock(plane));
    expect(() => decode(window, 'planes-zstd')).toThrow(/announces another length/);
    const eightBytes = zstdFrame([0xe0], length(plane), length(0), lastBlock(plane));
    expect(() => decode(eightBytes, 'planes-zstd')).toThrow(/announces another length/);
    expect(() => decode(zstdFrame([0xa1, 9], length(plane), lastBlock(plane)), 'planes-zstd')).toThrow(
      /not of zstd/,
    );
    const second = [0x28, 0xb5, 0x2f, 0xfd, 0xa0];
    const twice = zstdFrame(...sound, second, length(2 ** 31), lastBlock(plane));
    expect(() => decode(twice, 'planes-zstd')).toThrow(/another end/);
    expect(() => decode(zstdFrame([0xa0], length(plane)), 'planes-zstd')).toThrow(/another end/);
  });

  it('give no other length than the manifest says where a plane of zstd holds more or less than it announces', () => {
    for (const held of [plane - 1, plane + 1, 0, 2 ** 21 - 1]) {
      const stored = zstdFrame([0xa0], length(plane), lastBlock(held));
      try {
        // The decoder for a Node.js without zstd does not notice; the digest does.
        expect(decode(stored, 'planes-zstd').byteLength).toBe(bytes);
      } catch (error) {
        expect(error).toBeInstanceOf(CorruptionError);
      }
    }
  });

  it('are refused when they are no frame, of another version, or of lengths that do not fit', () => {
    const whole = encodeChunk(raw, 'planes-zlib')!;
    const refused = (change: (stored: Uint8Array) => Uint8Array, why: RegExp): void =>
      expect(() => decode(change(whole.slice()), 'planes-zlib')).toThrow(why);
    refused(() => new Uint8Array(0), /less than a header/);
    refused((stored) => stored.subarray(0, 31), /less than a header/);
    refused(withByte(0, 0), /does not begin as one/);
    refused(withByte(4, 2), /has version 2, not 1/);
    refused(withByte(5, 0xf8), /bits where none belong/);
    refused(withByte(30, 1), /bits where none belong/);
    refused(withByte(5, 0), /lengths that do not fit/);
    refused((stored) => stored.subarray(0, -1), /lengths that do not fit/);
    refused((stored) => Uint8Array.from([...stored, 0]), /lengths that do not fit/);
    expect(() => decodeChunk(raw, { codec: 'none', bytes: bytes + 1 })).toThrow(CorruptionError);
  });
});

function withByte(at: number, value: number): (stored: Uint8Array) => Uint8Array {
  return (stored) => stored.with(at, value);
}

/** One of the ways in which bytes go wrong, often in the first ones, where lengths and tables lie. */
function mutated(whole: Uint8Array, random: Random): Uint8Array {
  const below = (limit: number): number => Math.floor(random.next() * limit);
  const copy = whole.slice();
  // The last plane begins after the header and three raw ones.
  const inTables = headerBytes + 3 * plane + below(200);
  const at = [below(copy.byteLength), below(headerBytes), inTables, inTables][below(4)] ?? 0;
  switch (below(4)) {
    case 0:
      copy[at] = (copy[at] ?? 0) ^ (1 << below(8));
      return copy;
    case 1:
      for (let index = at; index < Math.min(copy.byteLength, at + 16); index++) copy[index] = below(256);
      return copy;
    case 2:
      return copy.subarray(0, at);
    default:
      copy.copyWithin(at, below(copy.byteLength), copy.byteLength);
      return copy;
  }
}
