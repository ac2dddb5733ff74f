import type { Clock } from '../base/clock.ts';

/** A store's `Date` header tells whole seconds: its clock stands anywhere within the second that it names. */
const resolutionMs = 1_000;

export interface ServerClock {
  /** Takes note of the store's time in an answer that has just come. */
  observe(serverTime: Date): void;
  /** This machine's time, corrected by the last answer. */
  now(): Date;
}

/**
 * The store's clock as far as its answers tell. The correction moves only as far as an answer demands, so that the
 * missing fractions of a second do not make time run back and forth. For people and the ledger; safety never rests on it.
 */
export function serverClock(clock: Clock): ServerClock {
  let correctionMs = 0;
  return {
    observe(serverTime) {
      const aheadMs = clock.now().getTime() + correctionMs - serverTime.getTime();
      if (aheadMs < 0) correctionMs -= aheadMs;
      else if (aheadMs >= resolutionMs) correctionMs -= aheadMs - (resolutionMs - 1);
    },
    now: () => new Date(clock.now().getTime() + correctionMs),
  };
}
