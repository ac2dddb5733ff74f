import { assert } from '../../base/assert.ts';

/** Elements of four bytes, the width of a float32, have four planes: plane k holds byte k of every element. */
export const planeCount = 4;

/**
 * Planes are cut from whole blocks of this many raw bytes, so that each plane's length is a multiple of 16 and every one
 * begins aligned; what is left at the end of a chunk, up to 63 bytes, is its tail.
 */
export const blockBytes = 64;

/** Lengths of each plane, and of the tail, of `bytes` raw bytes. */
export function planeLengths(bytes: number): { readonly plane: number; readonly tail: number } {
  const tail = bytes % blockBytes;
  return { plane: (bytes - tail) / planeCount, tail };
}

/**
 * Sorts the bytes of `raw`, whole blocks, by planes into `planes`, which is as long. Four elements become a word of each
 * plane: the bytes of a 4 × 4 matrix change rows for columns, first in halves of words, then within them. That is four to
 * eight times as fast as byte by byte.
 */
export function splitPlanes(raw: Uint8Array, planes: Uint8Array): void {
  assert(raw.byteLength === planes.byteLength, 'planes are as long as what they are made of');
  const elements = wordsOf(raw);
  const [p0, p1, p2, p3] = planeWords(planes);
  for (let word = 0, at = 0; word < p0.length; word++, at += planeCount) {
    const a = elements[at] ?? 0;
    const b = elements[at + 1] ?? 0;
    const c = elements[at + 2] ?? 0;
    const d = elements[at + 3] ?? 0;
    const acLow = (a & 0xffff) | (c << 16);
    const bdLow = (b & 0xffff) | (d << 16);
    const acHigh = (a >>> 16) | (c & 0xffff0000);
    const bdHigh = (b >>> 16) | (d & 0xffff0000);
    p0[word] = (acLow & 0x00ff00ff) | ((bdLow & 0x00ff00ff) << 8);
    p1[word] = ((acLow >>> 8) & 0x00ff00ff) | (bdLow & 0xff00ff00);
    p2[word] = (acHigh & 0x00ff00ff) | ((bdHigh & 0x00ff00ff) << 8);
    p3[word] = ((acHigh >>> 8) & 0x00ff00ff) | (bdHigh & 0xff00ff00);
  }
}

/** The way back: rows and columns change once more. The four planes are equally long, `raw` is as long as all of them. */
export function mergePlanes(planes: Planes, raw: Uint8Array): void {
  const elements = wordsOf(raw);
  assert(
    planes.every((plane) => plane.byteLength * planeCount === raw.byteLength),
    'planes are as long as what they make',
  );
  const p0 = wordsOf(planes[0]);
  const p1 = wordsOf(planes[1]);
  const p2 = wordsOf(planes[2]);
  const p3 = wordsOf(planes[3]);
  for (let word = 0, at = 0; word < p0.length; word++, at += planeCount) {
    const a = p0[word] ?? 0;
    const b = p1[word] ?? 0;
    const c = p2[word] ?? 0;
    const d = p3[word] ?? 0;
    const acLow = (a & 0xffff) | (c << 16);
    const bdLow = (b & 0xffff) | (d << 16);
    const acHigh = (a >>> 16) | (c & 0xffff0000);
    const bdHigh = (b >>> 16) | (d & 0xffff0000);
    elements[at] = (acLow & 0x00ff00ff) | ((bdLow & 0x00ff00ff) << 8);
    elements[at + 1] = ((acLow >>> 8) & 0x00ff00ff) | (bdLow & 0xff00ff00);
    elements[at + 2] = (acHigh & 0x00ff00ff) | ((bdHigh & 0x00ff00ff) << 8);
    elements[at + 3] = ((acHigh >>> 8) & 0x00ff00ff) | (bdHigh & 0xff00ff00);
  }
}

export type Planes = readonly [Uint8Array, Uint8Array, Uint8Array, Uint8Array];

type PlaneWords = readonly [Uint32Array, Uint32Array, Uint32Array, Uint32Array];

/** Words are little-endian here, as tensors in safetensors files are: on no other machine does Holdfast run. */
function wordsOf(bytes: Uint8Array): Uint32Array {
  assert(
    bytes.byteOffset % 4 === 0 && bytes.byteLength % 4 === 0,
    'words are read from whole, aligned words',
  );
  return new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength / Uint32Array.BYTES_PER_ELEMENT);
}

function planeWords(planes: Uint8Array): PlaneWords {
  const words = wordsOf(planes);
  const length = words.length / planeCount;
  const plane = (index: number): Uint32Array => words.subarray(index * length, (index + 1) * length);
  return [plane(0), plane(1), plane(2), plane(3)];
}
