import { describe, expect, it } from 'vitest';
import { whyNoHeadroom } from '../../../job/trainer/headroom.ts';

const gigabyte = 1e9;
const machine = (freeBytes: number) => ({ what: 'the memory of this machine', freeBytes, isKept: false });
const heap = (freeBytes: number) => ({ what: 'the WebAssembly heap', freeBytes, isKept: true });

describe('a held snapshot', () => {
  it.each([
    ['a machine with room', gigabyte, 0, [machine(2 * gigabyte)], true],
    ['a machine with room for the state alone', gigabyte, 0, [machine(1.1 * gigabyte)], false],
    ['a machine that is full', gigabyte, 0, [machine(0)], false],
    ['nothing that tells its size', gigabyte, 0, [], true],
    ['a heap with room, on a machine without', gigabyte, 0, [heap(3 * gigabyte), machine(0)], false],
    ['a heap near its end', gigabyte, 0, [heap(0.9 * gigabyte), machine(9 * gigabyte)], false],
    ['a heap near its end that has grown for the last one', gigabyte, gigabyte, [heap(0)], true],
    ['a heap near its end that has grown for a smaller one', 2 * gigabyte, gigabyte, [heap(0)], false],
    ['a machine that takes its memory back', gigabyte, gigabyte, [machine(0)], false],
  ])('fits or not beside training: %s', (_, bytes, coveredBytes, memory, isFine) => {
    expect(whyNoHeadroom({ bytes, coveredBytes, memory }) === undefined).toBe(isFine);
  });

  it('is refused in words that name what is short', () => {
    expect(whyNoHeadroom({ bytes: gigabyte, coveredBytes: 0, memory: [heap(-5)] })).toBe(
      'the WebAssembly heap has 0 MB left, too little for steps beside a held copy of the state (1000 MB and 268 MB to spare)',
    );
  });
});
