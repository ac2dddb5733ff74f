import { describe, expect, it } from 'vitest';
import type { StepRecord } from '../../../lib/contract/step-record.ts';
import { compareRuns, type Leg } from '../../../proof/verify/compare-runs.ts';

type Step = Extract<StepRecord, { kind: 'step' }>;

function bits(value: number): string {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleBE(value);
  return bytes.toString('hex');
}

const began = (step: number, state: Record<string, string> = stateAt(step)): StepRecord => ({
  kind: 'began',
  step,
  resumed: step > 0,
  state,
});

const stateAt = (step: number): Record<string, string> => ({
  'model/dense/kernel': `kernel-${step}`,
  'counter.seen': `seen-${step}`,
});

const took = (step: number, facts: Partial<Step> = {}): StepRecord => ({
  kind: 'step',
  step,
  epoch: step > 5 ? 1 : 0,
  examples: [step, step + 1],
  metrics: { loss: bits(1 / step) },
  state: stateAt(step),
  ...facts,
});

const evaluated = (step: number, accuracy = 0.5): StepRecord => ({
  kind: 'evaluation',
  step,
  metrics: { accuracy: bits(accuracy) },
});

const steps = (from: number, to: number): readonly StepRecord[] =>
  Array.from({ length: to - from + 1 }, (_, at) => took(from + at));

const reference = [began(0), ...steps(1, 5), evaluated(5), ...steps(6, 10), evaluated(10)];

const first: Leg = { after: 'a second start', resumedFromStep: null, records: [began(0), ...steps(1, 4)] };
const after = 'an interruption at a random step, resumed from step 3';
const rest = [...steps(4, 5), evaluated(5), ...steps(6, 10), evaluated(10)];

const compare = (records: readonly StepRecord[], isComplete = true): ReturnType<typeof compareRuns> =>
  compareRuns(reference, [first, { after, resumedFromStep: 3, records }], { isComplete });

describe('two runs of a program', () => {
  it('are the same when every step is, those that were lost and taken again included', () => {
    expect(compare([began(3), ...rest])).toBeUndefined();
  });

  it('part at the resume when a part of the state is another one', () => {
    expect(compare([began(3, { ...stateAt(3), 'counter.seen': 'seen-0' }), ...rest])).toMatchObject({
      kind: 'restored-state',
      step: 3,
      component: 'counter.seen',
      after,
    });
  });

  it('part at the beginning when a second start makes another state', () => {
    const other = {
      after: 'a second start',
      resumedFromStep: null,
      records: [began(0, { ...stateAt(0), more: 'x' })],
    };
    expect(compareRuns(reference, [other], { isComplete: false })).toMatchObject({
      kind: 'state',
      step: 0,
      component: 'more',
      expected: 'nothing',
    });
  });

  it('part at the first step that saw other examples, before anything that came of it', () => {
    const records = [began(3), took(4, { examples: [9], metrics: { loss: bits(7) } })];
    expect(compare(records, false)).toMatchObject({
      kind: 'examples',
      step: 4,
      expected: 'epoch 0: 4, 5',
      found: 'epoch 0: 9',
    });
    expect(compare([began(3), took(4, { epoch: 1 })], false)).toMatchObject({ kind: 'examples' });
  });

  it('part at a metric that differs in its last bit', () => {
    const nearly = 0.25 + 2 ** -54;
    expect(compare([began(3), took(4, { metrics: { loss: bits(nearly) } })], false)).toMatchObject({
      kind: 'metric',
      component: 'loss',
      expected: '0.25',
      found: String(nearly),
    });
  });

  it('take one NaN for another, but not zero for minus zero', () => {
    const known = [began(0), took(1, { metrics: { loss: bits(Number.NaN), other: bits(0) } })];
    const same = [{ after: '', resumedFromStep: null, records: known }];
    expect(compareRuns(known, same, { isComplete: true })).toBeUndefined();
    const records = [began(0), took(1, { metrics: { loss: bits(Number.NaN), other: bits(-0) } })];
    expect(
      compareRuns(known, [{ after: '', resumedFromStep: null, records }], { isComplete: true }),
    ).toMatchObject({
      kind: 'metric',
      component: 'other',
    });
  });

  it('part at what a step left behind, everything that differs told', () => {
    const state = { 'model/dense/kernel': 'x', 'counter.seen': 'y' };
    expect(compare([began(3), took(4, { state })], false)).toMatchObject({
      kind: 'state',
      component: 'model/dense/kernel',
      all: ['model/dense/kernel', 'counter.seen'],
    });
  });

  it('part at an evaluation that found something else, or that the other run did not make', () => {
    const upTo5 = [began(3), ...steps(4, 5)];
    expect(compare([...upTo5, evaluated(5, 0.6)], false)).toMatchObject({
      kind: 'evaluation',
      component: 'accuracy',
      step: 5,
    });
    expect(compare([began(3), took(4), evaluated(4)], false)).toMatchObject({
      kind: 'length',
      component: 'evaluations',
      step: 4,
    });
  });

  it('part where one of them ends', () => {
    expect(compare([began(3), ...steps(4, 5), evaluated(5), ...steps(6, 8)])).toMatchObject({
      kind: 'length',
      step: 8,
      expected: '10 steps',
    });
    expect(compare([began(3), ...rest, took(11)])).toMatchObject({ kind: 'length', step: 11 });
    expect(compare([began(3), ...steps(4, 10), evaluated(10)])).toMatchObject({
      kind: 'length',
      step: 5,
      component: 'evaluations',
      found: 'no evaluation',
    });
  });

  it('are not asked for an end that an interruption took', () => {
    expect(compare([began(3), ...steps(4, 5)], false)).toBeUndefined();
  });
});
