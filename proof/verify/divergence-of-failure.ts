import type { Divergence } from './divergence.ts';
import type { Failure } from './supervised-process.ts';

/** A snapshot refuses variables of TensorFlow.js that training changes and `state` does not hold (`takeSnapshot`). */
export function refusesForgottenState({ cause, message }: Failure): boolean {
  return cause === 'user' && /changed in training, but (?:is|are) not in the `state`/.test(message);
}

/** A program that would not go on, as the place where the runs part. */
export function divergenceOfFailure(
  failure: Failure,
  { after, resumedFromStep }: Pick<Divergence, 'after' | 'resumedFromStep'>,
): Divergence {
  const { message, step } = failure;
  const component = componentOf(failure);
  return {
    // It may fail before it has taken a step of its own.
    step: Math.max(step, resumedFromStep ?? 0),
    kind: 'refused',
    component,
    all: [component],
    expected: 'training goes on',
    found: message,
    after,
    resumedFromStep,
    failure,
  };
}

function componentOf(failure: Failure): string {
  const { message, differences = [] } = failure;
  // What Holdfast refuses stands first in its message: `ema` changed, but is not in the state.
  const ours = differences[0] ?? (refusesForgottenState(failure) ? message : '');
  const [, named] = /`([^`]+)`/.exec(ours) ?? [];
  return named ?? `the program, which fails${placeOf(failure)}`;
}

/** ` at train.ts:14`, by the innermost of the frames, which are the program's own. */
function placeOf(failure: Failure): string {
  const [frame = ''] = framesOf(failure);
  const [, place] = /([^\s()]+:\d+):\d+\)?$/.exec(frame) ?? [];
  return place === undefined ? '' : ` at ${place}`;
}

/** Of the program's own source, the innermost first. */
export function framesOf({ stack = '' }: Pick<Failure, 'stack'>): readonly string[] {
  return stack.split('\n').filter((line) => /^\s+at /.test(line));
}
