/**
 * Strikes tell a poisonous job from an unlucky one. They count failures without progress: announced interruptions are
 * never strikes, and a commit beyond the highest struck step proves that the obstacle is passed.
 */
import type { JobState, Strikes } from './job-state.ts';

/** A deterministic error of the user's program shows itself the second time; a third try would only cost money. */
export const errorStrikesMax = 2;
/** Failures that may be the machine's get five tries: more would hide a job that kills every instance it meets. */
export const strikesMax = 5;

export const noStrikes: Strikes = { errors: 0, total: 0, step: 0, instances: [], lastMessage: null };

export interface Failure {
  /** `silence`: the attempt ended without a word. */
  readonly cause: 'error' | 'infrastructure' | 'hung' | 'silence';
  /** Highest step that the attempt is known to have reached. */
  readonly step: number;
  readonly instance: string;
  readonly message: string;
}

/** The strikes after one more failure. Infrastructure counts once per instance: one bad machine is one fact, however often it fails. */
export function strike(strikes: Strikes, failure: Failure): Strikes {
  const { cause, step, instance, message } = failure;
  if (cause === 'infrastructure' && strikes.instances.includes(instance)) {
    return { ...strikes, lastMessage: message };
  }
  return {
    errors: strikes.errors + (cause === 'error' ? 1 : 0),
    total: strikes.total + 1,
    step: Math.max(strikes.step, step),
    instances: cause === 'infrastructure' ? [...strikes.instances, instance] : strikes.instances,
    lastMessage: message,
  };
}

/** The strikes after a commit at `step`. */
export function strikesAfterCommit(strikes: Strikes, step: number): Strikes {
  return strikes.total > 0 && step > strikes.step ? noStrikes : strikes;
}

/** Whether the owner, or the next claimer, must append `failed`. */
export function shouldFail(state: JobState): boolean {
  return state.strikes.errors >= errorStrikesMax || state.strikes.total >= strikesMax;
}

/** The facts of the `failed` entry for a job whose strikes are used up. */
export function failureOf(state: JobState): {
  readonly kind: 'failed';
  readonly reason: string;
  readonly message: string;
  readonly step: number;
} {
  const { errors, total, lastMessage } = state.strikes;
  const byErrors = errors >= errorStrikesMax;
  return {
    kind: 'failed',
    reason: byErrors ? 'user-error' : 'strikes',
    message:
      lastMessage ??
      (byErrors ? `the program failed ${errors} times` : `${total} attempts failed without progress`),
    step: state.reachedStep,
  };
}
