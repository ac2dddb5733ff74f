import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FlushEstimate, flushDueInMs, savesAtNotice } from '../../../lib/checkpoint/notice-budget.ts';

const estimateOf = (...measurements: readonly { bytes: number; elapsedMs: number }[]): FlushEstimate => {
  const estimate = new FlushEstimate();
  for (const measurement of measurements) estimate.add(measurement);
  return estimate;
};

describe('the emergency checkpoint', () => {
  it('is asked for at deadline − (1.5 × (flush + longest gap) + 5 s)', () => {
    expect(flushDueInMs({ remainingMs: 120_000, flushMs: 10_000, longestGapMs: 2_000 })).toBe(97_000);
  });

  it('comes later once something was saved since the notice', () => {
    const budget = { remainingMs: 120_000, flushMs: 10_000, longestGapMs: 2_000, isSecured: true };
    expect(flushDueInMs(budget)).toBeCloseTo(120_000 - (1.1 * 12_000 + 2_500));
  });

  it('has another before it, at the notice, where there is time for both', () => {
    const at = (remainingMs: number): boolean =>
      savesAtNotice({ remainingMs, flushMs: 10_000, longestGapMs: 2_000 });
    expect(at(120_000)).toBe(true);
    // 1.5 × 12 s + 5 s for the last one, 2 × 12 s before it.
    expect(at(47_001)).toBe(true);
    expect(at(47_000)).toBe(false);
    expect(savesAtNotice({ remainingMs: 120_000, flushMs: undefined, longestGapMs: 0 })).toBe(false);
  });

  it('is asked for at once when no flush was measured', () => {
    expect(flushDueInMs({ remainingMs: 120_000, flushMs: undefined, longestGapMs: 0 })).toBe(0);
  });

  it('is asked for at once when the time is too short', () => {
    expect(flushDueInMs({ remainingMs: 4_000, flushMs: 10, longestGapMs: 10 })).toBe(0);
    expect(flushDueInMs({ remainingMs: 0, flushMs: 10, longestGapMs: 10 })).toBe(0);
  });

  it('never comes so late that flush, gap and reserve do not fit, and is never in the past', () => {
    const ms = fc.integer({ min: 0, max: 200_000 });
    fc.assert(
      fc.property(ms, ms, ms, (remainingMs, flushMs, longestGapMs) => {
        const due = flushDueInMs({ remainingMs, flushMs, longestGapMs });
        return due >= 0 && (due === 0 || due + flushMs + longestGapMs + 5_000 <= remainingMs);
      }),
    );
  });
});

describe('the estimate of the flush time', () => {
  it('knows nothing before the first save', () => {
    expect(estimateOf().flushMs).toBeUndefined();
    expect(estimateOf().flushMsOf(1_000)).toBeUndefined();
  });

  it('takes the slowest of the last five, and forgets it after that', () => {
    const slow = { bytes: 100, elapsedMs: 900 };
    const fast = { bytes: 100, elapsedMs: 100 };
    expect(estimateOf(slow, fast, fast, fast, fast).flushMs).toBe(900);
    expect(estimateOf(slow, fast, fast, fast, fast, fast).flushMs).toBe(100);
  });

  it('scales up with the size and never down', () => {
    const estimate = estimateOf({ bytes: 1_000, elapsedMs: 500 });
    expect(estimate.flushMsOf(4_000)).toBe(2_000);
    expect(estimate.flushMsOf(10)).toBe(500);
    expect(estimateOf({ bytes: 1_000, elapsedMs: 500 }, { bytes: 3_000, elapsedMs: 600 }).flushMs).toBe(
      1_500,
    );
  });

  it('is finite after a save of nothing', () => {
    expect(estimateOf({ bytes: 0, elapsedMs: 20 }).flushMsOf(50)).toBe(1_000);
  });
});
