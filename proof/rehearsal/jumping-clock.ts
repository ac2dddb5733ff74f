import type { Clock } from '../../lib/base/clock.ts';
import type { MachineFaults } from './worker-faults.ts';

type Jumps = NonNullable<MachineFaults['clock']>['jumps'];

/** By how much a wall clock is wrong, so many seconds after its process began. */
export function clockOffsetMs(jumps: Jumps, atSeconds: number): number {
  return jumps.reduce(
    (sum, { atSeconds: due, bySeconds }) => sum + (due <= atSeconds ? bySeconds * 1_000 : 0),
    0,
  );
}

/** A machine whose wall clock is set while it runs. Sleeping and the monotonic clock know nothing of it. */
export function jumpingClock(clock: Clock, jumps: Jumps): Clock {
  const beganMs = clock.monotonicMs();
  return {
    now: () =>
      new Date(clock.now().getTime() + clockOffsetMs(jumps, (clock.monotonicMs() - beganMs) / 1_000)),
    monotonicMs: () => clock.monotonicMs(),
    sleep: (ms, signal) => clock.sleep(ms, signal),
  };
}
