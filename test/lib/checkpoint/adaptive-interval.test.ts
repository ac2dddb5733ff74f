import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { adaptive, adaptiveInterval, type SaveCosts } from '../../../lib/checkpoint/adaptive-interval.ts';
import { lossEverySecondsAt } from '../../../lib/checkpoint/machine-age.ts';
import type { SaveMoment } from '../../../lib/checkpoint/policy.ts';
import type { InterruptionRisk } from '../../../lib/contract/trainer-messages.ts';

const risk: InterruptionRisk = { lossEverySeconds: 9_420, recall: 0.95, requestSeconds: 0 };
const costs: SaveCosts = { stolenSeconds: 0.1, flushSeconds: 2, bytes: 1e9 };
const moment = (facts: Partial<SaveMoment>): SaveMoment => ({
  step: 10,
  epoch: 0,
  epochBoundary: false,
  stepsSince: 10,
  secondsSince: 0,
  costs,
  ...facts,
});

const anyRisk = fc.record({
  lossEverySeconds: fc.double({ min: 60, max: 1e6, noNaN: true }),
  recall: fc.double({ min: 0, max: 0.99, noNaN: true }),
  requestSeconds: fc.double({ min: 0, max: 0.1, noNaN: true }),
});
const anyCosts = fc.record({
  stolenSeconds: fc.double({ min: 0, max: 60, noNaN: true }),
  flushSeconds: fc.double({ min: 0, max: 3_600, noNaN: true }),
  bytes: fc.nat(2_000_000_000),
});

describe('the adaptive interval', () => {
  it('is that of Young, with the losses that no notice announces', () => {
    // sqrt(2 × 0.1 s × 9420 s / 0.05)
    expect(adaptiveInterval(risk, costs).seconds).toBeCloseTo(194.1, 1);
  });

  it('counts the price of requests as time where that is more than what training loses', () => {
    const priced = adaptiveInterval({ ...risk, requestSeconds: 0.01 }, costs);
    // 120 chunks of 8 MiB and 8 more requests cost 1.28 s of a small machine, 1.07 s of one for 1 GB: sqrt(2 × 1.07 × 188400)
    expect(priced.seconds).toBeCloseTo(634, 0);
  });

  it('is never shorter than a flush, nor longer than 20 minutes unless a flush is', () => {
    fc.assert(
      fc.property(anyRisk, anyCosts, (someRisk, someCosts) => {
        const { seconds } = adaptiveInterval(someRisk, someCosts);
        return (
          seconds >= someCosts.flushSeconds &&
          seconds >= 5 &&
          seconds <= Math.max(1_200, someCosts.flushSeconds)
        );
      }),
    );
  });

  it('grows with the cost of a save and shrinks as losses without notice become more frequent', () => {
    fc.assert(
      fc.property(anyRisk, anyCosts, (someRisk, someCosts) => {
        const here = adaptiveInterval(someRisk, someCosts).seconds;
        const dearer = { ...someCosts, stolenSeconds: someCosts.stolenSeconds * 4 };
        const worse = { ...someRisk, lossEverySeconds: someRisk.lossEverySeconds / 4 };
        return (
          adaptiveInterval(someRisk, dearer).seconds >= here &&
          adaptiveInterval(worse, someCosts).seconds <= here
        );
      }),
    );
  });
});

describe('the age of a machine', () => {
  it('stretches the interval: what has run for long is lost less often', () => {
    const of = (ageSeconds: number): number => adaptiveInterval(risk, costs, ageSeconds).seconds;
    expect(of(600)).toBeLessThan(of(6_000));
    expect(of(6_000)).toBeLessThan(of(60_000));
    expect(of(0)).toBe(of(60));
  });

  it('gives back the mean over all ages', () => {
    // Survival is exp(−∫ hazard); its integral is the mean up-time.
    let [survival, mean] = [1, 0];
    for (let age = 60; age < 400_000; age += 20) {
      mean += survival * 20;
      survival *= Math.exp(-20 / lossEverySecondsAt(age, 9_420));
    }
    expect(mean / 9_420).toBeGreaterThan(0.93);
    expect(mean / 9_420).toBeLessThan(1.07);
  });
});

describe('the adaptive policy', () => {
  const policy = adaptive(risk);

  it('saves at the interval, and tells what it rests on', () => {
    expect(policy(moment({ secondsSince: 194 }))).toBeUndefined();
    expect(policy(moment({ secondsSince: 195 }))).toBe(
      '194 s apart: a save costs 0.1 s and its flush takes 2 s, a machine is lost without notice every 52 h',
    );
  });

  it('takes the end of an epoch when a save is due soon', () => {
    expect(policy(moment({ secondsSince: 90, epochBoundary: true }))).toBeUndefined();
    expect(policy(moment({ secondsSince: 100, epochBoundary: true }))).toBe('the end of an epoch');
  });

  it('saves early where nothing was measured, and relies on an earlier attempt where one did', () => {
    expect(policy(moment({ secondsSince: 10, costs: undefined }))).toMatch(/first save/);
    const measured = adaptive({ ...risk, flushSeconds: 30 });
    expect(measured(moment({ secondsSince: 29, costs: undefined }))).toBeUndefined();
    expect(measured(moment({ secondsSince: 30, costs: undefined }))).toMatch(/flush takes 30 s/);
  });

  it('is silent where no step was taken', () => {
    expect(policy(moment({ secondsSince: 9_999, stepsSince: 0 }))).toBeUndefined();
  });
});
