import { CorruptionError } from '../../base/errors.ts';
import { planeCount, planeLengths } from './planes.ts';

/**
 * What a coded chunk begins with, 32 bytes, numbers little-endian (docs/checkpoint-format.md, "A coded chunk"):
 * 0: `HFPL` · 4: version, 1 · 5: bit k is set where plane k is entropy coded, else it is raw · 6: two zeros ·
 * 8: raw length of the chunk · 12: stored lengths of planes 0 to 3, four bytes each · 28: four zeros.
 * The planes follow in order, then the tail, and nothing else.
 */
export const headerBytes = 32;

const magic = [0x48, 0x46, 0x50, 0x4c] as const;
const frameVersion = 1;
const at = { version: 4, coded: 5, bytes: 8, lengths: 12 } as const;
/** Zeros, kept for later. */
const reserved = [6, 7, 28, 29, 30, 31] as const;

export interface FrameHeader {
  /** Raw length of the chunk. */
  readonly bytes: number;
  readonly planes: readonly { readonly isCoded: boolean; readonly stored: number }[];
}

export function writeHeader(into: Uint8Array, { bytes, planes }: FrameHeader): void {
  const view = new DataView(into.buffer, into.byteOffset, headerBytes);
  into.fill(0, 0, headerBytes);
  into.set(magic);
  view.setUint8(at.version, frameVersion);
  view.setUint8(
    at.coded,
    planes.reduce((mask, { isCoded }, index) => mask | (isCoded ? 1 << index : 0), 0),
  );
  view.setUint32(at.bytes, bytes, true);
  for (const [index, { stored }] of planes.entries()) view.setUint32(at.lengths + 4 * index, stored, true);
}

/**
 * Reads the header of `stored`, of which nothing was verified yet, and finds every length sound before anything is
 * allocated by it.
 * @throws CorruptionError
 */
export function readHeader(stored: Uint8Array, expectedBytes: number): FrameHeader {
  if (stored.byteLength < headerBytes)
    throw unsound(`is ${stored.byteLength} bytes long, less than a header`);
  const view = new DataView(stored.buffer, stored.byteOffset, headerBytes);
  if (magic.some((byte, index) => stored[index] !== byte)) throw unsound('does not begin as one');
  const version = view.getUint8(at.version);
  if (version !== frameVersion) throw unsound(`has version ${version}, not ${frameVersion}`);
  const mask = view.getUint8(at.coded);
  if (mask >= 1 << planeCount || reserved.some((index) => stored[index] !== 0))
    throw unsound('has bits where none belong');
  const bytes = view.getUint32(at.bytes, true);
  if (bytes !== expectedBytes)
    throw unsound(`speaks of ${bytes} raw bytes, its manifest of ${expectedBytes}`);
  const { plane, tail } = planeLengths(bytes);
  const planes = Array.from({ length: planeCount }, (_, index) => ({
    isCoded: (mask & (1 << index)) !== 0,
    stored: view.getUint32(at.lengths + 4 * index, true),
  }));
  const isOdd = planes.some(({ isCoded, stored: length }) => (isCoded ? length >= plane : length !== plane));
  const sum = planes.reduce((total, { stored: length }) => total + length, headerBytes + tail);
  if (isOdd || sum !== stored.byteLength) throw unsound('has planes of lengths that do not fit');
  return { bytes, planes };
}

/** A coded chunk that cannot be what was written. */
export function unsound(what: string, cause?: unknown): CorruptionError {
  return new CorruptionError(`the frame of a coded chunk ${what}.`, cause === undefined ? {} : { cause });
}
