import type { Clock } from '../../lib/base/clock.ts';

export interface TokenBucketOptions {
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly bytesPerSecond: number;
  /** What may pass at once after a rest. */
  readonly burstBytes: number;
}

/**
 * A line of a fixed speed that several connections share. Bytes are taken after they have come, so that the bucket may be
 * in debt: whoever takes waits until its own bytes are paid for. On average the speed is exact, whatever timers do.
 */
export class TokenBucket {
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  readonly #bytesPerMs: number;
  readonly #burstMs: number;
  /** When everything taken so far is paid for. */
  #paidAtMs = -Infinity;

  constructor({ clock, bytesPerSecond, burstBytes }: TokenBucketOptions) {
    this.#clock = clock;
    this.#bytesPerMs = bytesPerSecond / 1_000;
    this.#burstMs = burstBytes / this.#bytesPerMs;
  }

  /** Takes bytes; how long to wait until they would have come over the line. */
  take(bytes: number): number {
    const nowMs = this.#clock.monotonicMs();
    this.#paidAtMs = Math.max(this.#paidAtMs, nowMs - this.#burstMs) + bytes / this.#bytesPerMs;
    return Math.max(0, this.#paidAtMs - nowMs);
  }
}
