import type { Clock } from '../base/clock.ts';

/** Unused capacity counts for this long: it evens out late timers, and lets no burst through that a person would see. */
const bucketMs = 50;
/** One share of the line. Transfers take turns at it, so that a heartbeat does not wait behind a whole chunk. */
const sliceMs = 20;
const sliceBytesMin = 4_096;

/** A token bucket that every transfer of one process pays into. */
export class Bandwidth {
  readonly #bytesPerMs: number;
  readonly #sliceBytes: number;
  readonly #clock: Clock;
  #paidUntilMs = -Infinity;

  constructor(options: { readonly bytesPerSecond: number; readonly clock: Clock }) {
    this.#bytesPerMs = options.bytesPerSecond / 1_000;
    this.#sliceBytes = Math.max(sliceBytesMin, Math.floor(this.#bytesPerMs * sliceMs));
    this.#clock = options.clock;
  }

  /** Resolves when the line has had time for `bytes`; rejects with the signal's reason when aborted. */
  async take(bytes: number, signal?: AbortSignal): Promise<void> {
    for (let left = bytes; left > 0; left -= this.#sliceBytes) {
      const slice = Math.min(left, this.#sliceBytes);
      const now = this.#clock.monotonicMs();
      this.#paidUntilMs = Math.max(this.#paidUntilMs, now - bucketMs) + slice / this.#bytesPerMs;
      if (this.#paidUntilMs > now) await this.#clock.sleep(this.#paidUntilMs - now, signal);
    }
  }
}
