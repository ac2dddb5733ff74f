import { setImmediate as turn } from 'node:timers/promises';
import type { Clock } from '../../lib/base/clock.ts';

export interface ManualClock extends Clock {
  /** Lets `ms` pass: wakes sleepers in the order of their times, and lets what they start run before the next one. */
  readonly advance: (ms: number) => Promise<void>;
  /** Sets the wall clock ahead or back (negative), as an NTP step does; monotonic time and sleepers do not notice. */
  readonly jump: (ms: number) => void;
  /** How many sleeps are under way. */
  readonly sleepers: number;
}

interface Sleeper {
  readonly at: number;
  readonly wake: () => void;
}

/** Time that passes only when a test says so. */
export function manualClock(start: Date = new Date('2030-01-01T00:00:00Z')): ManualClock {
  const sleepers = new Set<Sleeper>();
  let monotonic = 0;
  let wallOffset = start.getTime();
  const nextUntil = (end: number): Sleeper | undefined =>
    [...sleepers].filter(({ at }) => at <= end).toSorted((left, right) => left.at - right.at)[0];
  return {
    now: () => new Date(wallOffset + monotonic),
    monotonicMs: () => monotonic,
    get sleepers() {
      return sleepers.size;
    },
    jump(ms) {
      wallOffset += ms;
    },
    async sleep(ms, signal) {
      signal?.throwIfAborted();
      await new Promise<void>((resolve, reject) => {
        const onAbort = (): void => {
          sleepers.delete(sleeper);
          reject(signal?.reason);
        };
        const sleeper: Sleeper = {
          at: monotonic + Math.max(0, ms),
          wake() {
            sleepers.delete(sleeper);
            signal?.removeEventListener('abort', onAbort);
            resolve();
          },
        };
        sleepers.add(sleeper);
        signal?.addEventListener('abort', onAbort, { once: true });
      });
    },
    async advance(ms) {
      const end = monotonic + ms;
      await settleTurns();
      for (let next = nextUntil(end); next !== undefined; next = nextUntil(end)) {
        monotonic = Math.max(monotonic, next.at);
        next.wake();
        await settleTurns();
      }
      monotonic = end;
    },
  };
}

/** A few turns of the event loop: enough for chains of promises, and for answers from this machine's own sockets to start. */
async function settleTurns(): Promise<void> {
  for (let count = 0; count < 3; count++) await turn();
}
