import type { Divergence } from './divergence.ts';
import type { Failure } from './supervised-process.ts';

/** A program that would not go on, as the place where the runs part. */
export function divergenceOfFailure(failure: Failure, after: string): Divergence {
  const { message, differences = [], step } = failure;
  // What the message is about stands in it first: `ema` changed, but is not in the state.
  const [, named] = /`([^`]+)`/.exec(differences[0] ?? message) ?? [];
  const component = named ?? 'program';
  return {
    step,
    kind: 'refused',
    component,
    all: [component],
    expected: 'training goes on',
    found: message,
    after,
  };
}
