import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type SaveMoment,
  anyOf,
  atSteps,
  everyEpochs,
  everySeconds,
  everySteps,
  savePolicyFrom,
} from '../../../lib/checkpoint/policy.ts';
import { unknownRisk } from '../../../lib/checkpoint/interruption-risk.ts';

const moment = (facts: Partial<SaveMoment>): SaveMoment => ({
  step: 1,
  epoch: 0,
  epochBoundary: false,
  stepsSince: 1,
  secondsSince: 0,
  ...facts,
});

const anyMoment: fc.Arbitrary<SaveMoment> = fc.record({
  step: fc.nat(500),
  epoch: fc.nat(10),
  epochBoundary: fc.boolean(),
  stepsSince: fc.nat(500),
  secondsSince: fc.double({ min: 0, max: 500, noNaN: true }),
});

describe('save policies', () => {
  it('by steps meet every multiple', () => {
    const policy = everySteps(100);
    expect(policy(moment({ step: 100, stepsSince: 100 }))).toBe('every 100 steps');
    expect(policy(moment({ step: 200, stepsSince: 37 }))).toBeDefined();
    expect(policy(moment({ step: 199, stepsSince: 99 }))).toBeUndefined();
  });

  it('by steps make up for a save that could not be taken', () => {
    expect(everySteps(100)(moment({ step: 237, stepsSince: 100 }))).toBeDefined();
  });

  it('by seconds wait for the interval, and no longer', () => {
    const policy = everySeconds(60);
    expect(policy(moment({ secondsSince: 59.9 }))).toBeUndefined();
    expect(policy(moment({ secondsSince: 60 }))).toBeDefined();
  });

  it('by epochs fire at the end of every n-th epoch only', () => {
    const policy = everyEpochs(2);
    expect(policy(moment({ epoch: 2, epochBoundary: true }))).toBeDefined();
    expect(policy(moment({ epoch: 1, epochBoundary: true }))).toBeUndefined();
    expect(policy(moment({ epoch: 2 }))).toBeUndefined();
  });

  it('never fire twice at one step', () => {
    const all = anyOf(everySteps(1), everySeconds(1), everyEpochs(1));
    fc.assert(fc.property(anyMoment, (at) => all({ ...at, stepsSince: 0 }) === undefined));
  });

  it('of several are due when any of them is', () => {
    const [a, b] = [everySteps(7), everySeconds(30)];
    fc.assert(fc.property(anyMoment, (at) => anyOf(a, b)(at) === (a(at) ?? b(at))));
    expect(anyOf()(moment({}))).toBeUndefined();
  });

  it('are taken from a spec, whichever comes first', () => {
    const policy = savePolicyFrom({ everySteps: 10, everySeconds: 5 }, unknownRisk);
    expect(policy(moment({ step: 20, stepsSince: 3 }))).toBeDefined();
    expect(policy(moment({ step: 21, secondsSince: 5 }))).toBeDefined();
    expect(policy(moment({ step: 21, epoch: 1, epochBoundary: true, secondsSince: 4 }))).toBeUndefined();
  });

  it('that are laid down are due at these steps, or as soon as they can be taken after', () => {
    const policy = atSteps([1, 7]);
    expect(policy(moment({ step: 1, stepsSince: 1 }))).toBeDefined();
    expect(policy(moment({ step: 2, stepsSince: 1 }))).toBeUndefined();
    expect(policy(moment({ step: 6, stepsSince: 5 }))).toBeUndefined();
    expect(policy(moment({ step: 9, stepsSince: 8 }))).toBeDefined();
    expect(policy(moment({ step: 9, stepsSince: 2 }))).toBeUndefined();
  });

  it('adapt where nothing is asked for', () => {
    const policy = savePolicyFrom({}, unknownRisk);
    expect(policy(moment({ secondsSince: 9 }))).toBeUndefined();
    expect(policy(moment({ secondsSince: 10 }))).toMatch(/first save/);
  });

  it('refuse an interval of nothing', () => {
    expect(() => everySteps(0)).toThrow(/positive/);
    expect(() => everySeconds(0)).toThrow(/positive/);
    expect(() => everyEpochs(0.5)).toThrow(/positive/);
  });
});
