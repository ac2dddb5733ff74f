import { describe, expect, it } from 'vitest';
import { interruptionPlan, type PlannedInterruption } from '../../local/interruption-plan.ts';

function first(
  count: number,
  options: { noNotice?: number; seed?: number } = {},
): readonly PlannedInterruption[] {
  const { noNotice = 0.2, seed = 7 } = options;
  const planned: PlannedInterruption[] = [];
  for (const each of interruptionPlan({ everyMs: 60_000, noNotice, seed })) {
    if (planned.push(each) === count) break;
  }
  return planned;
}

describe('interruptionPlan', () => {
  it('is the same for the same seed and another one for another, seed 0 included', () => {
    expect(first(20)).toEqual(first(20));
    expect(first(20, { seed: 0 })).toEqual(first(20, { seed: 0 }));
    expect(first(20)).not.toEqual(first(20, { seed: 8 }));
    expect(first(20, { seed: 0 })).not.toEqual(first(20, { seed: 1 }));
  });

  it('keeps the mean time and the share without notice', () => {
    const planned = first(5_000);
    const mean = planned.reduce((sum, { afterMs }) => sum + afterMs, 0) / planned.length;
    const share = planned.filter(({ kind }) => kind === 'no-notice').length / planned.length;
    expect(mean).toBeGreaterThan(57_000);
    expect(mean).toBeLessThan(63_000);
    expect(share).toBeGreaterThan(0.18);
    expect(share).toBeLessThan(0.22);
  });

  it('begins like any other part of a plan, whatever the seed', () => {
    const gaps = Array.from({ length: 2_000 }, (_, seed) => first(1, { seed })[0]?.afterMs ?? 0);
    const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
    expect(mean).toBeGreaterThan(54_000);
    expect(mean).toBeLessThan(66_000);
  });

  it('brings interruptions in quick succession and long calms', () => {
    const gaps = first(1_000).map(({ afterMs }) => afterMs);
    expect(Math.min(...gaps)).toBeLessThan(1_000);
    expect(Math.max(...gaps)).toBeGreaterThan(240_000);
    expect(gaps.every((gap) => gap >= 0 && Number.isFinite(gap))).toBe(true);
  });

  it('gives all a notice, or none, at the ends of the share', () => {
    expect(first(500, { noNotice: 0 }).every(({ kind }) => kind === 'notice')).toBe(true);
    expect(first(500, { noNotice: 1 }).every(({ kind }) => kind === 'no-notice')).toBe(true);
  });

  it('picks below 1, so that there is always an instance behind it', () => {
    expect(first(1_000).every(({ pick }) => pick >= 0 && pick < 1)).toBe(true);
  });
});
