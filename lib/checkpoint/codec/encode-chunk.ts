import { assert, defined } from '../../base/assert.ts';
import type { Codec } from '../../contract/manifest.ts';
import { entropyCoders } from './entropy.ts';
import { headerBytes, writeHeader } from './frame.ts';
import { planeCount, planeLengths, splitPlanes } from './planes.ts';

/** Elements that are looked at to judge the planes: enough to know an entropy to a twentieth of a bit, in half a millisecond. */
const sampledElementsMax = 8_192;
/**
 * A plane whose bytes have more bits than this on their own is stored raw: less than an eighteenth of it could be won.
 * Of float32 numbers the top plane has 2 to 5 bits (sign and most of the exponent), the others more than 7.9.
 */
const bitsWorthCoding = 7.55;
/** Its multiples fall nowhere twice. */
const goldenRatio = (Math.sqrt(5) - 1) / 2;

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
  const entropies = planeEntropies(raw.subarray(0, whole));
  if (entropies.every((bits) => bits > bitsWorthCoding)) return undefined;

  // Planes lie where they would if all were stored raw, and move down over what coding has saved before them.
  const frame = new Uint8Array(headerBytes + raw.byteLength);
  splitPlanes(aligned(raw.subarray(0, whole)), frame.subarray(headerBytes, headerBytes + whole));
  const planes: { isCoded: boolean; stored: number }[] = [];
  let end = headerBytes;
  for (const [index, bits] of entropies.entries()) {
    const start = headerBytes + index * plane;
    const coded = bits > bitsWorthCoding ? undefined : compress(frame.subarray(start, start + plane), bits);
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

/**
 * Entropy of the bytes of each plane, in bits, by elements from all over the chunk. Their distances vary, or columns of a
 * tensor could be taken for the whole of it. The same for the same bytes; none where there is no whole block.
 */
function planeEntropies(whole: Uint8Array): readonly number[] {
  const elements = whole.byteLength / planeCount;
  if (elements === 0) return [];
  const samples = Math.min(elements, sampledElementsMax);
  const counts = Array.from({ length: planeCount }, () => new Uint32Array(256));
  for (let sample = 0; sample < samples; sample++) {
    const within = (sample * goldenRatio) % 1;
    const at = Math.floor(((sample + within) * elements) / samples) * planeCount;
    for (const [plane, count] of counts.entries()) {
      const byte = whole[at + plane] ?? 0;
      count[byte] = (count[byte] ?? 0) + 1;
    }
  }
  return counts.map((count) => entropyBits(count, samples));
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
