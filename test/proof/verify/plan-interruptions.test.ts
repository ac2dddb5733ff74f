import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../lib/base/random.ts';
import type { RunCourse } from '../../../lib/contract/step-record.ts';
import type { Interruption } from '../../../proof/verify/interruption.ts';
import {
  firstAtOnce,
  firstInterruption,
  firstInterruptionOf,
  type InterruptionPlan,
  neverHappened,
  planInterruptions,
} from '../../../proof/verify/plan-interruptions.ts';

const course: RunCourse = { steps: 500, stepsPerEpoch: 250, evaluateEverySteps: 250, evaluates: true };

function planOf(
  facts: Partial<RunCourse> & { upTo?: number; count?: number; seed?: number },
): InterruptionPlan {
  const { upTo = 258, count = 7, seed = 1, ...more } = facts;
  const random = seededRandom(seed);
  return planInterruptions({ course: { ...course, ...more }, steps: upTo, interruptions: count, random });
}

const kindsOf = ({ runs }: InterruptionPlan): readonly string[] =>
  runs
    .flat()
    .map(({ kind }) => kind)
    .toSorted();

const find = ({ runs }: InterruptionPlan, kind: string): Interruption => {
  const found = runs.flat().find((one) => one.kind === kind);
  if (found === undefined) throw new Error(`no ${kind}`);
  return found;
};

describe('interruptions', () => {
  it('hit every kind of place by default', () => {
    const plan = planOf({});
    expect(kindsOf(plan)).toEqual(
      [
        'first-step',
        'mid-epoch',
        'twice',
        'epoch-boundary',
        'during-save',
        'no-notice',
        'evaluation',
      ].toSorted(),
    );
    expect(plan.notCovered).toEqual([]);
  });

  it('at the end of an epoch come exactly there', () => {
    expect(find(planOf({}), 'epoch-boundary')).toMatchObject({
      saveAtSteps: [250],
      kill: { on: 'staged', step: 250 },
    });
  });

  it('in the middle of an epoch come neither at its beginning nor at its end', () => {
    const { step } = find(planOf({}), 'mid-epoch').kill;
    expect(step).toBeGreaterThan(80);
    expect(step).toBeLessThan(170);
  });

  it('during a save leave an older checkpoint to go on from', () => {
    const { saveAtSteps, kill } = find(planOf({}), 'during-save');
    expect(kill).toEqual({ on: 'staging', step: saveAtSteps[1] });
    expect(saveAtSteps[0]).toBeLessThan(kill.step);
  });

  it('without notice cost steps', () => {
    const { saveAtSteps, kill } = find(planOf({}), 'no-notice');
    expect(kill.on).toBe('step');
    expect(kill.step).toBeGreaterThan(saveAtSteps[0] ?? Infinity);
  });

  it('twice in a row come right after the resume, without a checkpoint between', () => {
    const [run = []] = planOf({}).runs;
    const at = run.findIndex(({ kind }) => kind === 'twice');
    expect(run[at - 1]?.kind).toBe('mid-epoch');
    expect(run[at]).toMatchObject({ saveAtSteps: [], kill: { step: (run[at - 1]?.kill.step ?? 0) + 1 } });
  });

  it('that there is no place for are told with the reason', () => {
    const plan = planOf({ upTo: 100, stepsPerEpoch: null, evaluates: false, evaluateEverySteps: null });
    expect(plan.notCovered).toEqual([
      { kind: 'epoch-boundary', why: 'the program has no epochs' },
      { kind: 'evaluation', why: 'the program evaluates nothing' },
    ]);
    expect(planOf({ upTo: 100 }).notCovered).toEqual([
      { kind: 'epoch-boundary', why: 'a run of 100 steps ends before' },
    ]);
    const [atOnce] = planOf({ steps: 1, upTo: 1 }).notCovered.filter(({ kind }) => kind === 'no-notice');
    expect(atOnce?.why).toBe('a run of 1 step ends before');
  });

  it('are as many as were asked for, the most telling first', () => {
    expect(kindsOf(planOf({ count: 1 }))).toEqual(['first-step']);
    expect(kindsOf(planOf({ count: 3 }))).toEqual(['during-save', 'first-step', 'mid-epoch']);
    expect(planOf({ count: 12 }).runs.flat()).toHaveLength(12);
  });

  it('leave their steps to the others where a run is short', () => {
    const plan = planInterruptions({
      course: { steps: 9, stepsPerEpoch: null, evaluateEverySteps: null, evaluates: false },
      steps: 9,
      interruptions: 7,
      first: firstInterruptionOf(9),
      random: seededRandom(1),
    });
    expect(plan.runs[0]?.map(({ kind }) => kind)).toEqual(['first-step', 'mid-epoch', 'twice']);
    expect(firstInterruptionOf(500)).toBe(firstInterruption);
  });

  it('begin at the very first checkpoint where the steps are over before a kill arrives', () => {
    const plan = planInterruptions({
      course: { steps: 4, stepsPerEpoch: null, evaluateEverySteps: null, evaluates: false },
      steps: 4,
      interruptions: 2,
      first: firstAtOnce,
      random: seededRandom(1),
    });
    expect(plan.runs[0]?.map(({ kind, kill }) => [kind, kill.on])).toEqual([
      ['first-step', 'staged'],
      ['mid-epoch', 'staged'],
    ]);
    const happened = { kind: 'first-step', killedAtStep: 1, resumedFromStep: 1 } as const;
    expect(neverHappened(plan, [happened])).toEqual([
      { kind: 'mid-epoch', why: 'training ended by itself before' },
    ]);
  });

  it('come in order, at steps that there are, whatever the program and the seed', () => {
    const anyCourse = fc.record({
      steps: fc.integer({ min: 1, max: 400 }),
      stepsPerEpoch: fc.option(fc.integer({ min: 1, max: 300 })),
      evaluateEverySteps: fc.option(fc.integer({ min: 1, max: 300 })),
      evaluates: fc.boolean(),
    });
    fc.assert(
      fc.property(anyCourse, fc.integer({ min: 1, max: 20 }), fc.nat(), (any, count, seed) => {
        const plan = planOf({ ...any, upTo: any.steps, count, seed });
        expect(plan.runs[0]?.[0]?.kind).toBe('first-step');
        for (const run of plan.runs) {
          let end = 0;
          for (const { kind, saveAtSteps, kill } of run) {
            expect(Math.min(kill.step, ...saveAtSteps)).toBeGreaterThan(end);
            end = kill.step;
            expect(end).toBeGreaterThanOrEqual(Math.max(0, ...saveAtSteps));
            if (kind !== 'first-step') expect(end).toBeLessThanOrEqual(any.steps);
            if (kind === 'epoch-boundary') expect(end % (any.stepsPerEpoch ?? 0)).toBe(0);
            if (kind === 'evaluation')
              expect(end === any.steps || end % (any.evaluateEverySteps ?? 0) === 0).toBe(true);
          }
        }
        const all = plan.runs.flat().length;
        expect(all).toBeLessThanOrEqual(count);
        if (all < count) expect(plan.notCovered).not.toEqual([]);
      }),
    );
  });
});
