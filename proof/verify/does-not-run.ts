import { UserProgramError } from '../../lib/base/errors.ts';
import { framesOf } from './divergence-of-failure.ts';
import type { Failure } from './supervised-process.ts';

/** A program that fails by itself when nobody interrupts it: whether it resumes cannot be told. Its own words come first. */
export function doesNotRun(failure: Failure): UserProgramError {
  const { message, hint, step } = failure;
  const after = step === 0 ? 'before its first step' : `after step ${step}`;
  const told = `It failed ${after} without any interruption, so that nothing can be said about resuming.`;
  return new UserProgramError([message, ...framesOf(failure), told].join('\n'), {
    hint: hint ?? 'Mend the program, or run it with other --set or --input, and verify it again.',
  });
}
