import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { keepPolicy } from '../../../lib/checkpoint/keep-policy.ts';
import type { KeepPolicySpec } from '../../../lib/contract/job-spec.ts';
import type { CheckpointRecord } from '../../../lib/journal/job-state.ts';

interface Facts {
  readonly step: number;
  readonly pinned?: boolean;
  readonly quarantined?: string;
  readonly setAside?: boolean;
  readonly best?: number;
  /** Hours before now. */
  readonly hours?: number;
}

const now = '2030-01-10T00:00:00.000Z';
const hourMs = 3_600_000;

function record({ step, best, hours = 1_000, ...facts }: Facts, index: number): CheckpointRecord {
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
    at: new Date(Date.parse(now) - hours * hourMs).toISOString(),
    pinned: false,
    ...facts,
    ...(best === undefined ? {} : { best: { metric: 'accuracy', value: best } }),
  };
}

/** Steps of what stays. */
function kept(facts: readonly Facts[], spec: KeepPolicySpec): readonly number[] {
  const records = facts.map(record);
  const drops = keepPolicy(records, spec, now);
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

  it('keeps what is younger than asked, and lets it go at that age', () => {
    const facts = [
      { step: 1, hours: 24.001 },
      { step: 2, hours: 24 },
      { step: 3, hours: 23.999 },
      { step: 4, hours: 5, quarantined: 'damaged' },
      { step: 5, hours: 1 },
      { step: 6, hours: 0 },
    ];
    expect(kept(facts, { ...last(1), forHours: 24 })).toEqual([3, 5, 6]);
  });

  it('keeps what seems to come from the future, and all of it where ages cannot be told', () => {
    const facts = [{ step: 1, hours: -50 }, { step: 2 }, { step: 3 }];
    expect(kept(facts, { ...last(1), forHours: 1 })).toEqual([1, 3]);
    expect(keepPolicy(facts.map(record), { ...last(1), forHours: 1 }, '')).toEqual([]);
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
      hours: fc.double({ min: 0, max: 100, noNaN: true }),
    },
    { requiredKeys: ['step'] },
  );
  const anySpec: fc.Arbitrary<KeepPolicySpec> = fc.record(
    {
      last: fc.integer({ min: 1, max: 5 }),
      best: fc.boolean(),
      everySteps: fc.integer({ min: 1, max: 300 }),
      forHours: fc.double({ min: 0.1, max: 100, noNaN: true }),
    },
    { requiredKeys: ['last', 'best'] },
  );

  it('never drops the newest usable one, a pinned one, a young one, or the last K usable ones', () => {
    fc.assert(
      fc.property(fc.array(anyFacts, { maxLength: 20 }), anySpec, (facts, spec) => {
        const records = facts.map(record);
        const drops = new Set(keepPolicy(records, spec, now));
        const usable = records.filter(
          (each) => each.quarantined === undefined && each.setAside === undefined,
        );
        const young = ({ at }: CheckpointRecord): boolean =>
          Date.parse(now) - Date.parse(at) < (spec.forHours ?? 0) * hourMs;
        const precious = [
          ...usable.slice(-spec.last),
          ...usable.filter(young),
          ...records.filter((each) => each.pinned),
        ];
        return precious.every(({ id }) => !drops.has(id));
      }),
    );
  });

  it('drops nothing more when it is asked again', () => {
    fc.assert(
      fc.property(fc.array(anyFacts, { maxLength: 20 }), anySpec, (facts, spec) => {
        const records = facts.map(record);
        const drops = new Set(keepPolicy(records, spec, now));
        return (
          keepPolicy(
            records.filter(({ id }) => !drops.has(id)),
            spec,
            now,
          ).length === 0
        );
      }),
    );
  });

  it('never drops more than the same policy with one rule less', () => {
    const rules = ['everySteps', 'forHours'] as const;
    fc.assert(
      fc.property(
        fc.array(anyFacts, { maxLength: 20 }),
        anySpec,
        fc.constantFrom(...rules),
        (facts, spec, rule) => {
          const records = facts.map(record);
          const { [rule]: _, ...looser } = spec;
          const drops = keepPolicy(records, looser, now);
          return keepPolicy(records, spec, now).every((id) => drops.includes(id));
        },
      ),
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
            const drops = new Set(keepPolicy(records, { last: count, best: true }, now));
            records = records.filter(({ id }) => !drops.has(id));
          }
          return records.length <= 2 * count + 1;
        },
      ),
    );
  });
});
