import fc from 'fast-check';
import { expect, it } from 'vitest';
import { describedData, isPlainData } from '../../../../proof/verify/trace/described-value.ts';

it('tells values apart, and their order where it is all that differs', () => {
  const one = describedData(
    new Map([
      [2, 'b'],
      [1, 'a'],
    ]),
  );
  const other = describedData(
    new Map([
      [1, 'a'],
      [2, 'b'],
    ]),
  );
  expect(one.digest).not.toBe(other.digest);
  expect(one.contents ?? one.digest).toBe(other.contents ?? other.digest);
  expect(describedData([1, 2]).digest).not.toBe(describedData([1, 3]).digest);
  expect(describedData(-0).digest).not.toBe(describedData(0).digest);
  expect(describedData('1').digest).not.toBe(describedData(1).digest);
});

it('gives equal values the same digest, whatever they are', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      expect(describedData(structuredClone(value)).digest).toBe(describedData(value).digest);
      expect(describedData(value).shown.length).toBeLessThanOrEqual(60);
    }),
  );
});

it('shows the numbers of a short array, with all their digits', () => {
  expect(describedData(new Float64Array([0.1, -0])).shown).toBe('Float64Array [0.1, -0]');
  expect(describedData(new BigInt64Array([2n])).shown).toBe('BigInt64Array [2n]');
  expect(describedData(new Uint8Array(9)).shown).toMatch(/^Uint8Array of 9 bytes [0-9a-f]{12}$/);
  expect(describedData(new DataView(new ArrayBuffer(2))).shown).toMatch(/^DataView of 2 bytes/);
});

it('reads both ends of a large array', () => {
  const large = new Float32Array(1 << 20);
  const { digest } = describedData(large);
  for (const at of [0, large.length - 1]) {
    large[at] = 1;
    expect(describedData(large).digest).not.toBe(digest);
    large[at] = 0;
  }
});

it('takes functions, instances and what is endlessly deep for no data', () => {
  const cycle: unknown[] = [];
  cycle.push(cycle);
  for (const value of [() => {}, [() => {}], new AbortController(), cycle])
    expect(isPlainData(value)).toBe(false);
  for (const value of [
    1,
    undefined,
    null,
    [new Map([[1, new Set([2])]])],
    { a: new Date(0) },
    new Uint8Array(1),
  ])
    expect(isPlainData(value)).toBe(true);
});
