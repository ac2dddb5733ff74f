import { UserProgramError } from '../base/errors.ts';
import type { TrainerDocument } from '../contract/trainer-document.ts';
import type { Training } from './define-training.ts';
import type { MetricValues } from './tensors.ts';

export type BestRule = NonNullable<Training['best']>;
export type Best = NonNullable<TrainerDocument['best']>;

/**
 * The best evaluation so far, after one more at `step`. A value that is no finite number is never an improvement.
 * @throws UserProgramError when the evaluation did not report the metric
 */
export function nextBest(
  rule: BestRule,
  before: Best | null,
  evaluation: { metrics: MetricValues; step: number },
): Best {
  const { metric, mode, minDelta = 0 } = rule;
  const { metrics, step } = evaluation;
  const value = metrics[metric];
  if (value === undefined) {
    throw new UserProgramError(
      `\`best\` names the metric \`${metric}\`, but evaluate returned ${Object.keys(metrics).join(', ') || 'nothing'}.`,
    );
  }
  // Another metric than the one that was watched before starts anew.
  const known = before !== null && before.metric === metric ? before : null;
  const isBetter =
    known === null || (mode === 'min' ? known.value - value > minDelta : value - known.value > minDelta);
  if (Number.isFinite(value) && isBetter) return { metric, value, step, evaluationsWithout: 0 };
  if (known === null) {
    // JSON holds no infinity: the worst finite number stands for "none yet".
    const worst = mode === 'min' ? Number.MAX_VALUE : -Number.MAX_VALUE;
    return { metric, value: worst, step, evaluationsWithout: 1 };
  }
  return { ...known, evaluationsWithout: known.evaluationsWithout + 1 };
}

/** Why training ends now, or undefined while there is patience left. */
export function outOfPatience(rule: BestRule, best: Best): string | undefined {
  const { patience } = rule;
  if (patience === undefined || best.evaluationsWithout < patience) return undefined;
  return `no better ${rule.metric} in ${best.evaluationsWithout} evaluations`;
}
