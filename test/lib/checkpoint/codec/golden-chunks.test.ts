/**
 * Coded chunks as Node.js 22 wrote them, in test/golden/v2/chunks: every supported Node.js reads them, whatever it writes
 * itself. `HOLDFAST_UPDATE_GOLDEN=1 npx vitest run test/lib/checkpoint/codec/golden-chunks.test.ts` on Node.js 22.15 or
 * later writes them anew, for a new layout.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import zlib from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { sha256Hex } from '../../../../lib/base/digest.ts';
import { seededRandom } from '../../../../lib/base/random.ts';
import { decodeChunk } from '../../../../lib/checkpoint/codec/decode-chunk.ts';
import { encodeChunk } from '../../../../lib/checkpoint/codec/encode-chunk.ts';
import { codecToWrite, type PlaneCodec } from '../../../../lib/checkpoint/codec/entropy.ts';
import { headerBytes, readHeader, writeHeader } from '../../../../lib/checkpoint/codec/frame.ts';
import { planeLengths } from '../../../../lib/checkpoint/codec/planes.ts';
import { bell, bytesOf, goldenChunk, goldenChunks } from './samples.ts';

/** Raw bytes by name, with the digest that they had when the files were made. */
const raws = {
  /** Three planes raw, one coded, five bytes of tail. */
  weights: {
    sha256: '36e753d6bbd00f0990322aecfe7cf65490c9b0a6901da1d003cb613714a57bc0',
    make: () => Uint8Array.from([...bytesOf(bell(4_096, 21)), 1, 2, 3, 4, 5]),
  },
  /** Planes longer than a block of zstd; all four are coded. */
  counts: {
    sha256: '457090fa374d83e6173eb235585ad59755ec599576616ad22d4d707f5fdce7f7',
    make: () => {
      const random = seededRandom(22);
      return bytesOf(Int32Array.from({ length: 140 * 1_024 }, () => Math.floor(20 * random.next() ** 3)));
    },
  },
  zeros: {
    sha256: 'a9f42cf4789bab4986639f1039ce68c1787580aceaccd7591ebf96ca46561531',
    make: () => new Uint8Array(300_001),
  },
} as const;

type RawName = keyof typeof raws;

/** Every plane of a chunk by zstd at its usual level and with its checksum: another writer's choice, which readers must take. */
function otherZstd(raw: Uint8Array): Uint8Array {
  const compress: unknown = Reflect.get(zlib, 'zstdCompressSync');
  if (typeof compress !== 'function') throw new Error('only Node.js 22.15 and later write zstd');
  const stored = encodeChunk(raw, 'planes-zlib')!;
  const header = readHeader(stored, raw.byteLength);
  const { plane: length, tail } = planeLengths(raw.byteLength);
  const parts = header.planes.map((plane, index) => {
    const bytes = Uint8Array.from({ length }, (_, at) => raw[4 * at + index]!);
    // 201 is ZSTD_c_checksumFlag.
    return plane.isCoded ? (compress(bytes, { params: { 100: 3, 201: 1 } }) as Uint8Array) : bytes;
  });
  const head = new Uint8Array(headerBytes);
  const planes = header.planes.map(({ isCoded }, at) => ({ isCoded, stored: parts[at]!.byteLength }));
  writeHeader(head, { bytes: raw.byteLength, planes });
  return Uint8Array.from(Buffer.concat([head, ...parts, raw.subarray(raw.byteLength - tail)]));
}

if (process.env['HOLDFAST_UPDATE_GOLDEN'] === '1' && codecToWrite === 'planes-zstd') {
  rmSync(goldenChunks, { recursive: true, force: true });
  mkdirSync(goldenChunks, { recursive: true });
  for (const [name, { make }] of Object.entries(raws)) {
    writeFileSync(join(goldenChunks, `${name}.planes-zlib`), encodeChunk(make(), 'planes-zlib')!);
    writeFileSync(join(goldenChunks, `${name}.planes-zstd`), encodeChunk(make(), 'planes-zstd')!);
    writeFileSync(join(goldenChunks, `${name}.level3-checksum.planes-zstd`), otherZstd(make()));
  }
}

const files = readdirSync(goldenChunks).toSorted();
const nameOf = (file: string): RawName => file.split('.')[0] as RawName;
const codecOf = (file: string): PlaneCodec => file.split('.').at(-1) as PlaneCodec;

describe('a coded chunk that Node.js 22 wrote', () => {
  it('is there for each codec and kind of content', () => {
    expect(files).toHaveLength(3 * Object.keys(raws).length);
  });

  it.each(files)('%s is read', (file) => {
    const { make, sha256 } = raws[nameOf(file)];
    const raw = make();
    expect(sha256Hex(raw)).toBe(sha256);
    const stored = new Uint8Array(readFileSync(join(goldenChunks, file)));
    const read = decodeChunk(stored, { codec: codecOf(file), bytes: raw.byteLength });
    expect(sha256Hex(read)).toBe(sha256);
  });

  it('is read by the words of docs/checkpoint-format.md alone', () => {
    const stored = Buffer.from(goldenChunk('weights', 'planes-zlib'));
    expect(stored.toString('latin1', 0, 4)).toBe('HFPL');
    expect(stored[4]).toBe(1);
    const bytes = stored.readUInt32LE(8);
    const length = Math.floor(bytes / 64) * 16;
    let start = 32;
    const planes = [0, 1, 2, 3].map((index) => {
      const end = start + stored.readUInt32LE(12 + 4 * index);
      const plane = stored.subarray(start, end);
      start = end;
      return (stored[5]! >> index) % 2 === 1 ? zlib.inflateRawSync(plane) : plane;
    });
    const elements = Array.from({ length }, (_, at) => planes.map((plane) => plane[at]!));
    const raw = Uint8Array.from([...elements.flat(), ...stored.subarray(start)]);
    expect(sha256Hex(raw)).toBe(raws.weights.sha256);
  });
});
