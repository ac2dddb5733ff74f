import { type Clock, pause } from './clock.ts';
import { abortable } from './deferred.ts';
import { TransientError } from './errors.ts';

export interface TimeLimitOptions {
  readonly clock: Clock;
  readonly limitMs: number;
  /** Begins the message: `the token request`. */
  readonly what: string;
  /** The caller's own; its reason is thrown when it is aborted first. */
  readonly signal?: AbortSignal | undefined;
}

/** Without a reason of ours every call would make an error, with its stack, that nobody sees. */
const isDone = 'the operation is over';

/**
 * Runs `operation` under a signal of its own, which is aborted at the limit or with the caller's signal. Settles then,
 * even if the operation ignores its signal. Leaves neither timer nor listener behind, so that it can be called every
 * second for months (`AbortSignal.any` over a long-lived signal keeps every one it ever made on Node 20).
 * @throws TransientError at the limit
 */
export async function withTimeLimit<Result>(
  operation: (signal: AbortSignal) => Promise<Result>,
  options: TimeLimitOptions,
): Promise<Result> {
  const { clock, limitMs, what, signal } = options;
  signal?.throwIfAborted();
  const work = new AbortController();
  const timer = new AbortController();
  const forward = (): void => work.abort(signal?.reason);
  signal?.addEventListener('abort', forward, { once: true });
  pause(clock, limitMs, timer.signal).then(
    (isOver) => {
      if (isOver) work.abort(new TransientError(`${what} took longer than ${limitMs} ms.`));
    },
    (error: unknown) => work.abort(error),
  );
  try {
    return await abortable(operation(work.signal), work.signal);
  } finally {
    timer.abort(isDone);
    signal?.removeEventListener('abort', forward);
  }
}
