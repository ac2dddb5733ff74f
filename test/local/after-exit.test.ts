import { describe, expect, it } from 'vitest';
import { afterExit, defaultFailureLimits, replacementDelayMs } from '../../local/after-exit.ts';

describe('afterExit', () => {
  it.each([
    [0, 'drained'],
    [75, 'failed'],
    [78, 'configuration'],
    [70, 'failed'],
    [137, 'failed'],
    [undefined, 'failed'],
  ] as const)('takes %s on a healthy instance for: %s', (code, meaning) => {
    expect(afterExit(code, false)).toBe(meaning);
  });

  it.each([0, 75, 70, 137, undefined])('leaves an instance that was told its end alone after %s', (code) => {
    expect(afterExit(code, true)).toBe('stays-until-deadline');
  });

  it('stops for a wrong configuration, told its end or not', () => {
    expect(afterExit(78, true)).toBe('configuration');
  });
});

describe('replacementDelayMs', () => {
  it('doubles until the limit of failures', () => {
    const delays = [1, 2, 3, 4, 5, 6].map((failures) => replacementDelayMs(failures, defaultFailureLimits));
    expect(delays).toEqual([1_000, 2_000, 4_000, 8_000, undefined, undefined]);
  });

  it('never exceeds its own limit', () => {
    expect(replacementDelayMs(20, { ...defaultFailureLimits, failuresMax: 100 })).toBe(30_000);
  });
});
