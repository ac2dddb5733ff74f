import { abortable, deferred } from './deferred.ts';

/** Time as a dependency: nothing outside this file reads the machine's clocks, so that tests never wait. */
export interface Clock {
  /** Wall-clock time; may jump. */
  now(): Date;
  /** Milliseconds that never go back; only differences mean anything. */
  monotonicMs(): number;
  /** Resolves after `ms`; rejects with the signal's reason as soon as it is aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export const systemClock: Clock = {
  now: () => new Date(),
  monotonicMs: () => performance.now(),
  async sleep(ms, signal) {
    signal?.throwIfAborted();
    const over = deferred();
    // Not that of `timers/promises`, which makes an error with its stack for every sleep that is cut short: limits of time
    // are cut short each time that all goes well, several times a second.
    const timer = setTimeout(() => over.resolve(), Math.max(0, ms));
    try {
      await (signal === undefined ? over.promise : abortable(over.promise, signal));
    } finally {
      clearTimeout(timer);
    }
  },
};

/** Sleeps, but an abort ends the wait quietly. Returns false when it was cut short. */
export async function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<boolean> {
  try {
    await clock.sleep(ms, signal);
    return true;
  } catch (error) {
    if (signal.aborted) return false;
    throw error;
  }
}
