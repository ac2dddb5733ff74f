import { seededRandom } from '../lib/base/random.ts';

export interface InterruptionPlanOptions {
  /** Mean time between two interruptions of the region. */
  readonly everyMs: number;
  /** Share of interruptions without any notice, 0 to 1. */
  readonly noNotice: number;
  readonly seed: number;
}

export interface PlannedInterruption {
  /** Since the one before, or since the start. */
  readonly afterMs: number;
  readonly kind: 'notice' | 'no-notice';
  /** Which of the instances alive by then, as a fraction: index = floor(pick × number). */
  readonly pick: number;
}

/**
 * An endless plan of interruptions; same seed, same plan. Gaps are exponentially distributed, as of a process without
 * memory: that is what the formula for the checkpoint interval assumes (Young 1974, Daly 2006), and it brings the two hard
 * cases that a fixed period never shows, two interruptions in quick succession and a long calm.
 */
export function* interruptionPlan(options: InterruptionPlanOptions): Generator<PlannedInterruption, never> {
  const { everyMs, noNotice, seed } = options;
  const random = seededRandom(seed);
  for (;;) {
    const afterMs = -Math.log(1 - random.next()) * everyMs;
    const kind = random.next() < noNotice ? 'no-notice' : 'notice';
    yield { afterMs, kind, pick: random.next() };
  }
}
