import type { Clock } from './clock.ts';
import { remedyOf } from './errors.ts';
import type { Random } from './random.ts';

export interface RetryLimits {
  readonly attemptsMax: number;
  /** Wait before the second attempt; doubles each time. */
  readonly delayMs: number;
  readonly delayMsMax: number;
}

/** Seven tries wait up to 12.6 s in all (0.2 + 0.4 + … + 6.4): rides out a throttled minute, fits well inside a notice. */
export const storeRetryLimits: RetryLimits = { attemptsMax: 7, delayMs: 200, delayMsMax: 6_400 };

export interface RetryOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly limits?: RetryLimits;
  readonly signal?: AbortSignal | undefined;
  readonly onRetry?: (error: unknown, attempt: number) => void;
}

/**
 * Runs `operation` until it succeeds, its error is no longer `retry`, or the limit is reached; then the last error is
 * thrown. Waits with full jitter (uniform in [0, delay)), so that many workers do not return in step.
 */
export async function retry<Result>(
  operation: (attempt: number) => Promise<Result>,
  options: RetryOptions,
): Promise<Result> {
  const { clock, random, limits = storeRetryLimits, signal, onRetry } = options;
  for (let attempt = 1; ; attempt++) {
    signal?.throwIfAborted();
    try {
      return await operation(attempt);
    } catch (error) {
      if (remedyOf(error) !== 'retry' || attempt >= limits.attemptsMax) throw error;
      onRetry?.(error, attempt);
      await clock.sleep(
        random.next() * Math.min(limits.delayMsMax, limits.delayMs * 2 ** (attempt - 1)),
        signal,
      );
    }
  }
}
