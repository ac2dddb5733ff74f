import { assert } from '../base/assert.ts';
import { chunkBytes } from '../contract/manifest.ts';

/** One cut of a file: raw bytes `offset` (inclusive) to `end` (exclusive). */
export interface ChunkRange {
  readonly index: number;
  readonly offset: number;
  readonly length: number;
  readonly end: number;
}

/**
 * Cuts a file of `bytes` bytes into fixed ranges of `size` bytes; the last one is shorter. An empty file has no chunks.
 * Cuts are fixed, never content-defined: unchanged tensors at unchanged offsets give unchanged chunks, and the place of
 * every byte is known before the file is written.
 */
export function chunkRanges(bytes: number, size: number = chunkBytes): readonly ChunkRange[] {
  assert(Number.isSafeInteger(bytes) && bytes >= 0, 'a file length is a whole number of bytes', { bytes });
  assert(Number.isSafeInteger(size) && size > 0, 'a chunk size is a positive number of bytes', { size });
  return Array.from({ length: Math.ceil(bytes / size) }, (_, index) => {
    const offset = index * size;
    const end = Math.min(bytes, offset + size);
    return { index, offset, length: end - offset, end };
  });
}
