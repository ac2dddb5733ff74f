import { expect, it } from 'vitest';
import { childTicks } from '../../../bench/harness/cpu-time.ts';
import { controlSpread, median, quantile, ratios } from '../../../bench/harness/statistics.ts';

it('finds the middle of odd and even numbers of values, in any order', () => {
  expect(median([3, 1, 2])).toBe(2);
  expect(median([4, 1, 3, 2])).toBe(2.5);
  expect(median([])).toBeNaN();
});

it('finds quantiles between the nearest ranks', () => {
  expect(quantile([0, 10, 20, 30, 40], 0.25)).toBe(10);
  expect(quantile([0, 10], 0.75)).toBe(7.5);
});

it('takes the spread of a control from its middle half, so that one bad run is not the machine', () => {
  expect(controlSpread([1, 1.01, 0.99, 1.02, 5])).toBeCloseTo(0.02, 10);
  expect(controlSpread([0.5, 0.6, 1, 1.4, 1.5])).toBeCloseTo(0.4, 10);
});

it('divides each run by the peer of the same run', () => {
  expect(ratios([2, 9], [1, 3])).toEqual([2, 3]);
});

it('reads what ended children took, whatever a process calls itself', () => {
  const stat = `7 (a b) c) S 1 7 7 0 -1 4194304 100 200 0 0 50 60 11 22 20 0 1 0 5 6 7`;
  expect(childTicks(stat)).toBe(33);
});
