import type { Clock } from '../base/clock.ts';
import { messageOf } from '../base/errors.ts';
import { withTimeLimit } from '../base/time-limit.ts';

/** Asks a question whose answer is not needed: undefined where it could not be had. */
export type Ask = <Answer>(
  /** What is asked for, in the plural: `Spot prices`. */
  what: string,
  question: (limited: AbortSignal) => Promise<Answer>,
) => Promise<Answer | undefined>;

/**
 * Questions to AWS that a person would like to see answered, but that nothing rests on. What is refused or comes too late
 * is written down in `notes`, a line each; only the caller's own abort is thrown.
 */
export function notedQuestions(
  notes: string[],
  options: { readonly clock: Clock; readonly limitMs: number; readonly signal?: AbortSignal | undefined },
): Ask {
  const { clock, limitMs, signal } = options;
  return async (what, question) => {
    try {
      return await withTimeLimit(question, { clock, limitMs, what: `the question for ${what}`, signal });
    } catch (error) {
      signal?.throwIfAborted();
      notes.push(`${what} are not known: ${messageOf(error)}`);
      return undefined;
    }
  };
}
