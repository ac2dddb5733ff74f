import { assert } from '../base/assert.ts';
import type { SaveCosts } from '../checkpoint/adaptive-interval.ts';
import type { SavePolicy } from '../checkpoint/policy.ts';

/** Training without a stop from `atSeconds` on, where `step` steps are done. */
export interface Line {
  readonly atSeconds: number;
  readonly step: number;
}

export interface SaveQuestion {
  readonly policy: SavePolicy;
  readonly line: Line;
  readonly stepSeconds: number;
  /** What was saved last, and when. */
  readonly last: Line;
  readonly costs: SaveCosts | undefined;
  /** When this attempt began to train. */
  readonly beganAt: number;
  /** Boundaries before this one are past; counted from the line's beginning, at least 1. */
  readonly firstBoundary: number;
  /** Boundaries beyond this one are never reached. */
  readonly lastBoundary: number;
  /** A spec's `everySteps`, whose multiples a policy may ask for. */
  readonly everySteps: number | undefined;
}

/**
 * The first boundary at which the policy wants a save, counted from the line's beginning; undefined where none does.
 * Calling it at each of millions of steps would take minutes, so the boundary is searched by halves: a policy that wants a
 * save goes on wanting it until it has one. Multiples of `everySteps` are the exception, and are asked for by themselves.
 */
export function nextSave(question: SaveQuestion): number | undefined {
  const { line, firstBoundary, lastBoundary, everySteps } = question;
  assert(firstBoundary >= 1, 'a save comes after a step', { firstBoundary });
  if (firstBoundary > lastBoundary) return undefined;
  const multiple =
    everySteps === undefined
      ? undefined
      : Math.ceil((line.step + firstBoundary) / everySteps) * everySteps - line.step;
  const candidates = [
    ...(multiple !== undefined && multiple <= lastBoundary && isDue(question, multiple) ? [multiple] : []),
    ...(isDue(question, lastBoundary) ? [searched(question)] : []),
  ];
  return candidates.length === 0 ? undefined : Math.min(...candidates);
}

/** The first boundary that is due, given that the last one is. Steps grow twofold before halves are taken: it is near. */
function searched(question: SaveQuestion): number {
  const { firstBoundary, lastBoundary } = question;
  if (isDue(question, firstBoundary)) return firstBoundary;
  let before = firstBoundary;
  let due = lastBoundary;
  for (let stride = 64; before + stride < lastBoundary; stride *= 2) {
    if (isDue(question, before + stride)) {
      due = before + stride;
      break;
    }
    before += stride;
  }
  while (due - before > 1) {
    const middle = Math.floor((before + due) / 2);
    if (isDue(question, middle)) due = middle;
    else before = middle;
  }
  return due;
}

function isDue(question: SaveQuestion, boundary: number): boolean {
  const { policy, line, stepSeconds, last, costs } = question;
  const step = line.step + boundary;
  const why = policy({
    step,
    epoch: 0,
    epochBoundary: false,
    stepsSince: step - last.step,
    secondsSince: rounded(line.atSeconds + boundary * stepSeconds - last.atSeconds),
    secondsRunning: rounded(line.atSeconds + boundary * stepSeconds - question.beganAt),
    costs,
  });
  return why !== undefined;
}

/** To microseconds: sums of steps that mean the same moment must not fall on two sides of a limit. */
function rounded(seconds: number): number {
  return Math.round(seconds * 1e6) / 1e6;
}
