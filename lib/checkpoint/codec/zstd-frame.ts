import { unsound } from './frame.ts';

const magic = [0x28, 0xb5, 0x2f, 0xfd] as const;
/** Bits of the descriptor that a plane never has: a dictionary (0, 1), and one that is reserved (3). */
const foreignBits = 0b1011;
const contentSizeLengths = [0, 2, 4] as const;
const blockHeaderBytes = 3;
const checksumBytes = 4;
const blockTypes = { raw: 0, repeated: 1, compressed: 2 } as const;

/**
 * Holds a plane to one frame of RFC 8878 that announces `bytes` bytes and ends where the plane does. Decoders allocate what
 * a frame announces, and read on behind it: neither may be left to bytes that nobody has verified.
 * @throws CorruptionError
 */
export function checkZstdFrame(coded: Uint8Array, bytes: number): void {
  const descriptor = coded[magic.length] ?? 0;
  if (magic.some((byte, index) => coded[index] !== byte) || (descriptor & foreignBits) !== 0)
    throw unsound('has a plane that is not of zstd');
  const isSingleSegment = (descriptor & 0x20) !== 0;
  const sizeLength = contentSizeLengths[descriptor >>> 6] ?? 0;
  const length = sizeLength === 0 && isSingleSegment ? 1 : sizeLength;
  const sizeAt = magic.length + (isSingleSegment ? 1 : 2);
  if (littleEndian(coded, sizeAt, length) + (length === 2 ? 256 : 0) !== bytes)
    throw unsound('has a plane of zstd that announces another length');
  const end = endOfBlocks(coded, sizeAt + length) + ((descriptor & 0x04) === 0 ? 0 : checksumBytes);
  if (end !== coded.byteLength) throw unsound('has a plane of zstd with another end');
}

/** Each round goes on by a header at least. */
function endOfBlocks(coded: Uint8Array, start: number): number {
  for (let at = start; at < coded.byteLength;) {
    const header = littleEndian(coded, at, blockHeaderBytes);
    const isRepeated = ((header >>> 1) & 3) === blockTypes.repeated;
    at += blockHeaderBytes + (isRepeated ? 1 : header >>> 3);
    if ((header & 1) === 1) return at;
  }
  return coded.byteLength + 1;
}

function littleEndian(from: Uint8Array, at: number, length: number): number {
  let value = 0;
  for (let index = length - 1; index >= 0; index--) value = value * 256 + (from[at + index] ?? 0);
  return value;
}
