import type { Clock } from '../../lib/base/clock.ts';
import type { SaveCosts } from '../../lib/checkpoint/adaptive-interval.ts';
import { DrainPace } from './drain-pace.ts';

/** What the newest save costs, as it becomes known, and how long steps take meanwhile. */
export class SaveMeter {
  readonly pace: DrainPace;
  readonly #clock: Clock;
  #costs: SaveCosts | undefined;
  #steppedFromMs: number | undefined;
  #stoodFromMs: number | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.pace = new DrainPace(clock);
  }

  /** Undefined before the first save of this process. */
  get costs(): SaveCosts | undefined {
    return this.#costs;
  }

  /** A step begins. */
  stepBegan(): void {
    this.#steppedFromMs = this.#clock.monotonicMs();
  }

  /** A step is over, or something else that began as one. */
  stepEnded(): void {
    if (this.#steppedFromMs !== undefined) this.pace.stepped(this.#clock.monotonicMs() - this.#steppedFromMs);
    this.#steppedFromMs = undefined;
  }

  /** Training stands still for the snapshot that is being written. */
  standsStill(): void {
    this.#stoodFromMs ??= this.#clock.monotonicMs();
  }

  /** A snapshot was taken in so many milliseconds. */
  taken(save: { readonly bytes: number; readonly tookMs: number }): void {
    this.#stoodFromMs = undefined;
    this.#costs = {
      flushSeconds: this.#costs?.flushSeconds,
      stolenSeconds: save.tookMs / 1_000,
      bytes: save.bytes,
    };
  }

  /** It was written, for which so much was taken from the thread that trains. Where training stood still, it is all of that time. */
  written(stolenMs: number): void {
    if (this.#costs === undefined) return;
    const stoodMs = this.#stoodFromMs === undefined ? 0 : this.#clock.monotonicMs() - this.#stoodFromMs;
    const stolenSeconds = this.#costs.stolenSeconds + Math.max(stolenMs, stoodMs) / 1_000;
    this.#costs = { ...this.#costs, stolenSeconds };
    this.#stoodFromMs = undefined;
  }

  /** From `staging` to the journal. */
  flushed(flushMs: number): void {
    if (this.#costs !== undefined) this.#costs = { ...this.#costs, flushSeconds: flushMs / 1_000 };
  }
}
