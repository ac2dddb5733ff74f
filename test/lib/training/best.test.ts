import { describe, expect, it } from 'vitest';
import { type Best, type BestRule, nextBest, outOfPatience } from '../../../lib/training/best.ts';

function run(rule: BestRule, values: readonly number[]): Best | null {
  return values.reduce<Best | null>(
    (best, value, at) => nextBest(rule, best, { metrics: { acc: value }, step: at + 1 }),
    null,
  );
}

describe('nextBest', () => {
  it('keeps the greatest or the least value, and counts evaluations without a better one', () => {
    expect(run({ metric: 'acc', mode: 'max' }, [0.5, 0.7, 0.7, 0.6])).toEqual({
      metric: 'acc',
      value: 0.7,
      step: 2,
      evaluationsWithout: 2,
    });
    expect(run({ metric: 'acc', mode: 'min' }, [0.5, 0.7, 0.4])).toMatchObject({
      value: 0.4,
      step: 3,
      evaluationsWithout: 0,
    });
  });

  it('takes a change of minDelta or less for none', () => {
    expect(run({ metric: 'acc', mode: 'max', minDelta: 0.125 }, [0.5, 0.625])).toMatchObject({
      step: 1,
      evaluationsWithout: 1,
    });
    expect(run({ metric: 'acc', mode: 'max', minDelta: 0.125 }, [0.5, 0.75])).toMatchObject({ step: 2 });
  });

  it('never takes NaN or infinity for the best', () => {
    expect(run({ metric: 'acc', mode: 'max' }, [NaN, Infinity])).toMatchObject({ evaluationsWithout: 2 });
    expect(run({ metric: 'acc', mode: 'max' }, [NaN, -5])).toMatchObject({
      value: -5,
      step: 2,
      evaluationsWithout: 0,
    });
    expect(run({ metric: 'acc', mode: 'min' }, [NaN, 5])).toMatchObject({ value: 5, step: 2 });
  });

  it('starts anew when another metric is watched than before', () => {
    const before = run({ metric: 'acc', mode: 'max' }, [0.9]);
    expect(nextBest({ metric: 'loss', mode: 'min' }, before, { metrics: { loss: 3 }, step: 8 })).toEqual({
      metric: 'loss',
      value: 3,
      step: 8,
      evaluationsWithout: 0,
    });
  });

  it('names the metrics that there are when the wanted one is missing', () => {
    expect(() =>
      nextBest({ metric: 'acc', mode: 'max' }, null, { metrics: { accuracy: 1, loss: 2 }, step: 1 }),
    ).toThrow(/`acc`, but evaluate returned accuracy, loss/);
  });
});

describe('outOfPatience', () => {
  it('ends after so many evaluations without improvement, and never without patience', () => {
    const rule: BestRule = { metric: 'acc', mode: 'max', patience: 2 };
    const best = (evaluationsWithout: number): Best => ({
      metric: 'acc',
      value: 1,
      step: 1,
      evaluationsWithout,
    });
    expect(outOfPatience(rule, best(1))).toBeUndefined();
    expect(outOfPatience(rule, best(2))).toBe('no better acc in 2 evaluations');
    expect(outOfPatience({ metric: 'acc', mode: 'max' }, best(99))).toBeUndefined();
  });
});
