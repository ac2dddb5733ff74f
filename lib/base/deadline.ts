import type { Clock } from './clock.ts';

/** A moment on the monotonic clock by which something must be done; jumps of the wall clock do not move it. */
export interface Deadline {
  /** Never negative. */
  remainingMs(): number;
  readonly atMonotonicMs: number;
}

export function deadlineIn(clock: Clock, ms: number): Deadline {
  const atMonotonicMs = clock.monotonicMs() + ms;
  return { atMonotonicMs, remainingMs: () => Math.max(0, atMonotonicMs - clock.monotonicMs()) };
}
