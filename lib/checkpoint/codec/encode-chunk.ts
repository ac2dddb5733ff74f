import { assert, defined } from '../../base/assert.ts';
import type { Codec } from '../../contract/manifest.ts';
import { entropyCoders } from './entropy.ts';
import { headerBytes, writeHeader } from './frame.ts';
import { planeCount, planeLengths, splitPlanes } from './planes.ts';

/** Elements that are looked at to judge the planes: enough to know an entropy to a twentieth of a bit. */
const sampledElementsMax = 8_192;
/**
 * A plane whose bytes have more bits than this on their own is stored raw: less than an eighteenth of it could be won.
 * Of float32 numbers the top plane has 2 to 5 bits (sign and most of the exponent), the others more than 7.9.
 */
const bitsWorthCoding = 7.55;

/**
 * The chunk as `codec` stores it, or undefined where that would not be smaller. Synchronous: 8 MiB take 5 to 25 ms.
 * zlib and zstd may give other bytes from version to version; what is compared, named and verified is always the raw bytes.
 * Memory: the result's buffer is as long as `raw`; besides there is one plane, a quarter of it.
 */
export function encodeChunk(raw: Uint8Array, codec: Codec): Uint8Array | undefined {
  if (codec === 'none') return undefined;
  const compress = defined(entropyCoders[codec].compress, 'a codec is chosen that this Node.js can write');
  const { plane, tail } = planeLengths(raw.byteLength);
  const whole = raw.byteLength - tail;
  const worth = planesWorthCoding(raw.subarray(0, whole));
  if (!worth.includes(true)) return undefined;

  // Planes lie where they would if all were stored raw, and move down over what coding has saved before them.
  const frame = new Uint8Array(headerBytes + raw.byteLength);
  splitPlanes(aligned(raw.subarray(0, whole)), frame.subarray(headerBytes, headerBytes + whole));
  const planes: { isCoded: boolean; stored: number }[] = [];
  let end = headerBytes;
  for (const [index, isWorthCoding] of worth.entries()) {
    const start = headerBytes + index * plane;
    const coded = isWorthCoding ? compress(frame.subarray(start, start + plane)) : undefined;
    const isCoded = coded !== undefined && coded.byteLength < plane;
    if (isCoded) frame.set(coded, end);
    else frame.copyWithin(end, start, start + plane);
    const stored = isCoded ? coded.byteLength : plane;
    planes.push({ isCoded, stored });
    end += stored;
  }
  frame.set(raw.subarray(whole), end);
  end += tail;
  assert(planes.length === planeCount && end <= frame.byteLength, 'planes never grow');
  writeHeader(frame, { bytes: raw.byteLength, planes });
  return end < raw.byteLength ? frame.subarray(0, end) : undefined;
}

/** By the frequencies of each plane's bytes in elements taken evenly from the whole chunk. The same for the same bytes. */
function planesWorthCoding(whole: Uint8Array): readonly boolean[] {
  const elements = whole.byteLength / planeCount;
  if (elements === 0) return [];
  const samples = Math.min(elements, sampledElementsMax);
  const counts = Array.from({ length: planeCount }, () => new Uint32Array(256));
  for (let sample = 0; sample < samples; sample++) {
    const at = Math.floor((sample * elements) / samples) * planeCount;
    for (const [plane, count] of counts.entries()) {
      const byte = whole[at + plane] ?? 0;
      count[byte] = (count[byte] ?? 0) + 1;
    }
  }
  return counts.map((count) => entropyBits(count, samples) <= bitsWorthCoding);
}

/** Shannon's entropy of one symbol, in bits. */
function entropyBits(counts: Uint32Array, samples: number): number {
  let bits = 0;
  for (const count of counts) if (count > 0) bits -= (count / samples) * Math.log2(count / samples);
  return bits;
}

/** Words are read from multiples of four bytes only. */
function aligned(bytes: Uint8Array): Uint8Array {
  return bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
}
