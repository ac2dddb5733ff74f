import { UserProgramError } from '../base/errors.ts';
import type { Position } from '../contract/trainer-document.ts';
import type { BestRule } from './best.ts';
import {
  checkedEvery,
  dataOrder,
  dataShape,
  hasReached,
  isMultiple,
  startPosition,
  totalSteps,
  type DataOrder,
  type DataShape,
} from './data-order.ts';
import type { Every, Training } from './define-training.ts';
import type { RandomStreams } from './random-streams.ts';

/** What a training asks of the loop, checked and with its defaults filled in. */
export interface Plan {
  readonly shape: DataShape | null;
  readonly order: DataOrder;
  readonly until: Every;
  /** Null: no evaluation. `'end'`: one, at the end. */
  readonly evaluateEvery: Every | 'end' | null;
  readonly best: BestRule | null;
}

/** @throws UserProgramError that names what does not fit together */
export function planOf(training: Training<unknown>, streams: RandomStreams): Plan {
  const { data, until, evaluateEvery, best } = training;
  const evaluates = training.evaluate !== undefined;
  const shape = data === undefined ? null : dataShape(data);
  const hasData = shape !== null;
  if (best !== undefined && !evaluates)
    throw new UserProgramError('the training has `best`, but no `evaluate` that would measure it.');
  if (evaluateEvery !== undefined && !evaluates)
    throw new UserProgramError('the training has `evaluateEvery`, but no `evaluate`.');
  return {
    shape,
    order: dataOrder(shape, streams),
    until: checkedEvery('until', until, hasData),
    evaluateEvery: evaluates ? scheduleOf(evaluateEvery, hasData) : null,
    best: best ?? null,
  };
}

/** The same plan, ended after `step` steps where it would go on. */
export function endingAt(plan: Plan, step: number | undefined): Plan {
  if (step === undefined || totalSteps(plan.until, plan.order, startPosition) <= step) return plan;
  return { ...plan, until: { steps: step } };
}

function scheduleOf(every: Every | undefined, hasData: boolean): Every | 'end' {
  if (every !== undefined) return checkedEvery('evaluateEvery', every, hasData);
  return hasData ? { epochs: 1 } : 'end';
}

/** What of the loop's record decides how it goes on. */
export interface Standing {
  readonly position: Position;
  readonly stopped: string | null;
  readonly evaluation: { readonly step: number | null };
}

export function hasEnded(plan: Plan, standing: Standing): boolean {
  return standing.stopped !== null || hasReached(plan.until, standing.position);
}

/**
 * True until the evaluation of this boundary has finished. A function of what is saved alone: an evaluation cut short is
 * due again after a resume, and a finished one is not.
 */
export function isEvaluationDue(plan: Plan, standing: Standing): boolean {
  const { position, evaluation } = standing;
  if (plan.evaluateEvery === null || evaluation.step === position.step) return false;
  if (hasEnded(plan, standing)) return true;
  return plan.evaluateEvery !== 'end' && isMultiple(plan.evaluateEvery, position);
}
