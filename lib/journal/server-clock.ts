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
 * The store's clock as far as its answers tell. Between two answers time passes as the monotonic clock says: a wall clock that
 * is set meanwhile would date an entry a day ahead, and a journal's time never goes back. The correction moves only as far as
 * an answer demands, so that the missing fractions of a second do not make time run back and forth. For people and the
 * ledger; safety never rests on it.
 */
export function serverClock(clock: Clock): ServerClock {
  let startMs = clock.now().getTime() - clock.monotonicMs();
  const nowMs = (): number => Math.round(startMs + clock.monotonicMs());
  return {
    observe(serverTime) {
      const aheadMs = nowMs() - serverTime.getTime();
      if (aheadMs < 0) startMs -= aheadMs;
      else if (aheadMs >= resolutionMs) startMs -= aheadMs - (resolutionMs - 1);
    },
    now: () => new Date(nowMs()),
  };
}
