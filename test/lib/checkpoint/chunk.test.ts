import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chunkRanges } from '../../../lib/checkpoint/chunk.ts';
import { chunkBytes } from '../../../lib/contract/manifest.ts';

describe('cutting a file into chunks', () => {
  it.each([
    [0, []],
    [1, [1]],
    [chunkBytes - 1, [chunkBytes - 1]],
    [chunkBytes, [chunkBytes]],
    [chunkBytes + 1, [chunkBytes, 1]],
    [3 * chunkBytes, [chunkBytes, chunkBytes, chunkBytes]],
  ])('cuts %i bytes into chunks of the right lengths', (bytes, lengths) => {
    expect(chunkRanges(bytes).map((range) => range.length)).toEqual(lengths);
  });

  it('covers every byte once and in order, and all chunks but the last are full', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 10_000 }), fc.integer({ min: 1, max: 300 }), (bytes, size) => {
        const ranges = chunkRanges(bytes, size);
        const ends = ranges.map((range) => range.end);
        expect(ranges.map((range) => range.offset)).toEqual([0, ...ends].slice(0, ranges.length));
        expect(ranges.every((range) => range.end === range.offset + range.length)).toBe(true);
        expect(ranges.slice(0, -1).every((range) => range.length === size)).toBe(true);
        expect(ranges.every((range) => range.length > 0 && range.length <= size)).toBe(true);
        expect(ends.at(-1) ?? 0).toBe(bytes);
      }),
    );
  });

  it('refuses a length that is no number of bytes', () => {
    expect(() => chunkRanges(-1)).toThrow(/whole number/);
    expect(() => chunkRanges(1.5)).toThrow(/whole number/);
  });
});
