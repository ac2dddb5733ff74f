import { describe, expect, it } from 'vitest';
import { interruptionRisk } from '../../../lib/checkpoint/interruption-risk.ts';
import { initialState } from '../../../lib/journal/fold.ts';

const { totals } = initialState('job');
const hour = 3_600_000;
const of = (facts: Partial<typeof totals>, store = 's3://bucket') =>
  interruptionRisk({ totals: { ...totals, ...facts }, newest: undefined, store });

describe('the risk of a job', () => {
  it('is what machines usually meet, before it has a history of its own', () => {
    expect(of({})).toEqual({
      lossEverySeconds: 9_420,
      recall: 0.95,
      requestSeconds: expect.closeTo(0.0012, 6),
    });
  });

  it('follows its own losses as they come', () => {
    const stormy = of({ interruptions: 9, attemptMs: 2 * hour });
    expect(stormy.lossEverySeconds).toBeCloseTo((9_420 + 7_200) / 10);
    const calm = of({ attemptMs: 100 * hour });
    expect(calm.lossEverySeconds).toBeCloseTo(9_420 + 360_000);
  });

  it('trusts notices less with every loss that came without one', () => {
    expect(of({ silentDeaths: 20 }).recall).toBeCloseTo(19 / 40);
    expect(of({ interruptions: 10_000 }).recall).toBe(0.99);
  });

  it('counts requests to S3, and none to a folder', () => {
    expect(of({}, 'file:///store').requestSeconds).toBe(0);
  });

  it('remembers how long the newest save took', () => {
    expect(interruptionRisk({ totals, newest: { elapsedMs: 2_500 }, store: 'file:///s' }).flushSeconds).toBe(
      2.5,
    );
  });
});
