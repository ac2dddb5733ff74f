import type { Clock } from '../../lib/base/clock.ts';
import type { NoteFault } from './fault-log.ts';
import type { MachineFaults } from './worker-faults.ts';

type Jumps = NonNullable<MachineFaults['clock']>['jumps'];

/** By how much a wall clock is wrong, so many seconds after its process began. */
function clockOffsetMs(jumps: Jumps, atSeconds: number): number {
  return jumps.reduce(
    (sum, { atSeconds: due, bySeconds }) => sum + (due <= atSeconds ? bySeconds * 1_000 : 0),
    0,
  );
}

/** The same, which notes each jump when the clock is read for the first time after it. */
export function notedOffsetMs(jumps: Jumps, note: NoteFault): (atSeconds: number) => number {
  const ahead = new Set(jumps);
  return (atSeconds) => {
    for (const jump of ahead) {
      if (jump.atSeconds > atSeconds) continue;
      ahead.delete(jump);
      note({ where: 'clock', what: 'jump', detail: `${jump.bySeconds} s` });
    }
    return clockOffsetMs(jumps, atSeconds);
  };
}

/** A machine whose wall clock is set while it runs. Sleeping and the monotonic clock know nothing of it. */
export function jumpingClock(clock: Clock, jumps: Jumps, note: NoteFault = () => undefined): Clock {
  const beganMs = clock.monotonicMs();
  const offsetMs = notedOffsetMs(jumps, note);
  return {
    now: () => new Date(clock.now().getTime() + offsetMs((clock.monotonicMs() - beganMs) / 1_000)),
    monotonicMs: () => clock.monotonicMs(),
    sleep: (ms, signal) => clock.sleep(ms, signal),
  };
}
