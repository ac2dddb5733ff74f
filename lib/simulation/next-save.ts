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
  /** Where the save before this one was due, counted alike: this one is near it. */
  readonly expected?: number | undefined;
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
  const due = searched(question);
  if (everySteps === undefined) return due;
  const multiple = Math.ceil((line.step + firstBoundary) / everySteps) * everySteps - line.step;
  const isMultipleDue = multiple <= Math.min(lastBoundary, due ?? lastBoundary) && isDue(question, multiple);
  return isMultipleDue ? multiple : due;
}

/** The first boundary that is due: it is sought with growing strides around the one that was expected, then by halves. */
function searched(question: SaveQuestion): number | undefined {
  const { firstBoundary, lastBoundary, expected = firstBoundary } = question;
  /** Not due, or not to be asked about. */
  let before = firstBoundary - 1;
  /** Due, or beyond the last one. */
  let due = lastBoundary + 1;
  let probe = Math.min(lastBoundary, Math.max(firstBoundary, expected));
  for (let stride = 1; due - before > 1; stride *= 2) {
    if (isDue(question, probe)) due = probe;
    else before = probe;
    const isBetween = before >= firstBoundary && due <= lastBoundary;
    if (isBetween) break;
    probe =
      due <= lastBoundary ? Math.max(firstBoundary, due - stride) : Math.min(lastBoundary, before + stride);
  }
  while (due - before > 1) {
    const middle = Math.floor((before + due) / 2);
    if (isDue(question, middle)) due = middle;
    else before = middle;
  }
  return due > lastBoundary ? undefined : due;
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
