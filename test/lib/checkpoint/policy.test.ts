import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type SaveMoment,
  anyOf,
  everyEpochs,
  everySeconds,
  everySteps,
  keepPolicy,
  savePolicyFrom,
} from '../../../lib/checkpoint/policy.ts';
import { unknownRisk } from '../../../lib/checkpoint/interruption-risk.ts';
import type { KeepPolicySpec } from '../../../lib/contract/job-spec.ts';
import type { CheckpointRecord } from '../../../lib/journal/job-state.ts';

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

interface Facts {
  readonly step: number;
  readonly pinned?: boolean;
  readonly quarantined?: string;
  readonly setAside?: boolean;
  readonly best?: number;
}

function record({ step, best, ...facts }: Facts, index: number): CheckpointRecord {
  return {
    id: `2-${index + 1}-step${step}`,
    claim: 2,
    ordinal: index + 1,
    sequence: index + 3,
    manifest: { key: 'k', sha256: '0'.repeat(64) },
    step,
    epoch: 0,
    example: 0,
    reason: 'policy',
    bytes: 1,
    elapsedMs: 5,
    newBytes: 1,
    at: '2030-01-01T00:00:00.000Z',
    pinned: false,
    ...facts,
    ...(best === undefined ? {} : { best: { metric: 'accuracy', value: best } }),
  };
}

/** Steps of what stays. */
function kept(facts: readonly Facts[], spec: KeepPolicySpec): readonly number[] {
  const records = facts.map(record);
  const drops = keepPolicy(records, spec);
  return records.filter(({ id }) => !drops.includes(id)).map(({ step }) => step);
}

const last = (count: number): KeepPolicySpec => ({ last: count, best: false });
const steps = (...all: number[]): readonly Facts[] => all.map((step) => ({ step }));

describe('the keep policy', () => {
  it('keeps the last K by order of commit, not by step', () => {
    expect(kept(steps(10, 20, 30, 40), last(2))).toEqual([30, 40]);
    expect(kept(steps(9_900, 10_000, 50, 60), last(2))).toEqual([50, 60]);
  });

  it('keeps the first at or after each multiple, whatever the saves fell on', () => {
    expect(kept(steps(50, 100, 150, 205, 290, 301, 399, 400, 450), { ...last(1), everySteps: 100 })).toEqual([
      100, 205, 301, 400, 450,
    ]);
  });

  it('keeps the newest that was the best, and not one without a finite value', () => {
    const facts = [
      { step: 1, best: 0.5 },
      { step: 2, best: 0.9 },
      { step: 3, best: Number.NaN },
      { step: 4 },
    ];
    expect(kept(facts, { last: 1, best: true })).toEqual([2, 4]);
    expect(kept(facts, { last: 1, best: false })).toEqual([4]);
  });

  it('keeps pinned ones always', () => {
    expect(kept([{ step: 1, pinned: true }, { step: 2 }, { step: 3 }], last(1))).toEqual([1, 3]);
  });

  it('does not count quarantined ones, and lets them go once enough good ones came after', () => {
    const bad = { step: 2, quarantined: 'chunk is missing' };
    expect(kept([{ step: 1 }, bad, { step: 3 }], last(2))).toEqual([1, 2, 3]);
    expect(kept([{ step: 1 }, bad, { step: 3 }, { step: 4 }], last(2))).toEqual([3, 4]);
  });

  it('does not count what a roll-back set aside: its target stays to fall back to', () => {
    const facts = [
      { step: 100 },
      { step: 200, setAside: true },
      { step: 300, setAside: true, best: 0.99 },
      { step: 150 },
    ];
    expect(kept(facts, { last: 2, best: true })).toEqual([100, 200, 300, 150]);
    expect(kept([...facts, { step: 160 }], { last: 2, best: true })).toEqual([150, 160]);
  });

  const anyFacts: fc.Arbitrary<Facts> = fc.record(
    {
      step: fc.nat(1_000),
      pinned: fc.boolean(),
      quarantined: fc.constant('damaged'),
      setAside: fc.constant(true),
      best: fc.double(),
    },
    { requiredKeys: ['step'] },
  );
  const anySpec: fc.Arbitrary<KeepPolicySpec> = fc.record(
    {
      last: fc.integer({ min: 1, max: 5 }),
      best: fc.boolean(),
      everySteps: fc.integer({ min: 1, max: 300 }),
    },
    { requiredKeys: ['last', 'best'] },
  );

  it('never drops the newest usable one, a pinned one, or the last K usable ones', () => {
    fc.assert(
      fc.property(fc.array(anyFacts, { maxLength: 20 }), anySpec, (facts, spec) => {
        const records = facts.map(record);
        const drops = new Set(keepPolicy(records, spec));
        const usable = records.filter(
          (each) => each.quarantined === undefined && each.setAside === undefined,
        );
        const precious = [...usable.slice(-spec.last), ...records.filter((each) => each.pinned)];
        return precious.every(({ id }) => !drops.has(id));
      }),
    );
  });

  it('drops nothing more when it is asked again', () => {
    fc.assert(
      fc.property(fc.array(anyFacts, { maxLength: 20 }), anySpec, (facts, spec) => {
        const records = facts.map(record);
        const drops = new Set(keepPolicy(records, spec));
        return (
          keepPolicy(
            records.filter(({ id }) => !drops.has(id)),
            spec,
          ).length === 0
        );
      }),
    );
  });

  it('keeps a bounded number without every N-th steps and pins, however long the history', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(5), { minLength: 1, maxLength: 200 }),
        fc.integer({ min: 1, max: 4 }),
        (kinds, count) => {
          let records: readonly CheckpointRecord[] = [];
          for (const [index, kind] of kinds.entries()) {
            const facts = { step: index, best: index, ...(kind === 0 ? { quarantined: 'damaged' } : {}) };
            // A quarantined one is always followed by a commit of the attempt that fell back.
            records = [...records, record(facts, 2 * index), record({ step: index }, 2 * index + 1)];
            const drops = new Set(keepPolicy(records, { last: count, best: true }));
            records = records.filter(({ id }) => !drops.has(id));
          }
          return records.length <= 2 * count + 1;
        },
      ),
    );
  });
});
