import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { unknownRisk } from '../../../lib/checkpoint/interruption-risk.ts';
import { savePolicyFrom } from '../../../lib/checkpoint/policy.ts';
import { nextSave, type SaveQuestion } from '../../../lib/simulation/next-save.ts';

const questions = fc.record({
  save: fc.constantFrom({}, { everySeconds: 40 }, { everySteps: 70 }, { everySeconds: 40, everySteps: 70 }),
  stepSeconds: fc.constantFrom(0.3, 1, 7),
  step: fc.nat(500),
  stepsBefore: fc.nat(20),
  ageSeconds: fc.nat(90_000),
  firstBoundary: fc.integer({ min: 1, max: 300 }),
  lastBoundary: fc.nat(2_000),
  flushSeconds: fc.option(fc.integer({ min: 1, max: 300 }), { nil: undefined }),
});

const questionOf = (
  drawn: typeof questions extends fc.Arbitrary<infer Drawn> ? Drawn : never,
): SaveQuestion => {
  const { save, stepSeconds, step, stepsBefore, ageSeconds, flushSeconds } = drawn;
  const atSeconds = ageSeconds + stepsBefore * stepSeconds;
  return {
    policy: savePolicyFrom(save, unknownRisk),
    line: { atSeconds, step: step + stepsBefore },
    last: { atSeconds: ageSeconds, step },
    stepSeconds,
    costs: flushSeconds === undefined ? undefined : { stolenSeconds: 0.03, flushSeconds, bytes: 1e9 },
    beganAt: 0,
    firstBoundary: drawn.firstBoundary,
    lastBoundary: drawn.lastBoundary,
    everySteps: save.everySteps,
  };
};

describe('the next save of a policy', () => {
  it('is the first boundary that the policy wants, wherever it was expected', () => {
    fc.assert(
      fc.property(questions, fc.option(fc.nat(3_000), { nil: undefined }), (drawn, expected) => {
        const question = questionOf(drawn);
        const { policy, line, last, stepSeconds, costs, firstBoundary, lastBoundary } = question;
        let wanted: number | undefined;
        for (let at = firstBoundary; at <= lastBoundary && wanted === undefined; at++) {
          const seconds = line.atSeconds + at * stepSeconds;
          const why = policy({
            step: line.step + at,
            epoch: 0,
            epochBoundary: false,
            stepsSince: line.step + at - last.step,
            secondsSince: Math.round((seconds - last.atSeconds) * 1e6) / 1e6,
            secondsRunning: Math.round(seconds * 1e6) / 1e6,
            costs,
          });
          if (why !== undefined) wanted = at;
        }
        expect(nextSave({ ...question, expected })).toBe(wanted);
      }),
      { numRuns: 300 },
    );
  });
});
