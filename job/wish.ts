import { type Clock, pause } from '../lib/base/clock.ts';
import { messageOf, remedyOf } from '../lib/base/errors.ts';
import type { Log } from '../lib/base/log.ts';

export interface WishOptions<Value> {
  /** For the log, as `protection`. */
  readonly name: string;
  readonly apply: (value: Value, signal: AbortSignal) => Promise<void>;
  readonly isSame: (left: Value, right: Value) => boolean;
  /** From a wish until it is carried out, at least. @default 0 */
  readonly leadMs?: number;
  /** Between two wishes that are carried out, at least. @default 0 */
  readonly spacingMs?: number;
  readonly clock: Clock;
  readonly log: Log;
}

/** The first wait after a failure; doubles up to the longest. */
const retryMs = 2_000;
const retryMsMax = 60_000;
/** With these waits 15 tries take ten minutes: longer than an instance needs until it is in service. */
const triesMax = 15;

/**
 * Brings one thing outside to the newest wish, in the background. Wishes that were overtaken are skipped. Only for what
 * nothing rests on: a wish that cannot be carried out is logged and given up.
 */
export class Wish<Value> {
  readonly #options: WishOptions<Value>;
  readonly #closed = new AbortController();
  #wished: { readonly value: Value } | undefined;
  /** The last one that was carried out or given up. */
  #settled: { readonly value: Value } | undefined;
  #notBeforeMs = -Infinity;
  #isPursued = false;
  #pursuit: Promise<void> = Promise.resolve();

  constructor(options: WishOptions<Value>) {
    this.#options = options;
  }

  set(value: Value): void {
    if (this.#closed.signal.aborted) return;
    this.#wished = { value };
    if (this.#isPursued || this.#isSettled(value)) return;
    const { clock, leadMs = 0 } = this.#options;
    this.#notBeforeMs = Math.max(this.#notBeforeMs, clock.monotonicMs() + leadMs);
    this.#isPursued = true;
    this.#pursuit = this.#pursue();
  }

  /** Whatever is under way is cut short, and nothing more is carried out. */
  async close(): Promise<void> {
    this.#closed.abort(new Error('nothing more is wished'));
    await this.#pursuit;
  }

  #isSettled(value: Value): boolean {
    return this.#settled !== undefined && this.#options.isSame(this.#settled.value, value);
  }

  async #pursue(): Promise<void> {
    let failures = 0;
    let tried: { readonly value: Value } | undefined;
    while (await this.#untilDue()) {
      const wished = this.#open;
      // What was wished meanwhile may be what holds already.
      if (wished === undefined) continue;
      // Another wish has all of its tries before it.
      if (tried !== undefined && !this.#options.isSame(tried.value, wished.value)) failures = 0;
      tried = wished;
      const isOver = await this.#try(wished.value, failures + 1);
      if (isOver) this.#settled = wished;
      failures = isOver ? 0 : failures + 1;
      const { clock, spacingMs = 0 } = this.#options;
      this.#notBeforeMs = clock.monotonicMs() + Math.max(spacingMs, retryDelayMs(failures));
    }
  }

  /** The newest wish, if it does not hold yet. */
  get #open(): { readonly value: Value } | undefined {
    return this.#wished === undefined || this.#isSettled(this.#wished.value) ? undefined : this.#wished;
  }

  /** False when there is nothing left to do; the pursuit is over in that very instant, so that no wish falls between. */
  async #untilDue(): Promise<boolean> {
    const { clock } = this.#options;
    const { signal } = this.#closed;
    if (!signal.aborted && this.#open !== undefined) {
      const waitMs = this.#notBeforeMs - clock.monotonicMs();
      if (waitMs <= 0 || (await pause(clock, waitMs, signal))) return true;
    }
    this.#isPursued = false;
    return false;
  }

  /** True when this wish was carried out, or no further try would help. */
  async #try(value: Value, tries: number): Promise<boolean> {
    const { name, apply, log } = this.#options;
    const { signal } = this.#closed;
    try {
      await apply(value, signal);
      return true;
    } catch (error) {
      if (signal.aborted) return true;
      // Logged and gone on: a wish is by its nature something that no correctness depends on.
      const isGivenUp = remedyOf(error) !== 'retry' || tries >= triesMax;
      if (isGivenUp) log.warn('wish-given-up', { wish: name, tries, message: messageOf(error) });
      else if (tries === 1) log.info('wish-delayed', { wish: name, message: messageOf(error) });
      return isGivenUp;
    }
  }
}

function retryDelayMs(failures: number): number {
  return failures === 0 ? 0 : Math.min(retryMsMax, retryMs * 2 ** (failures - 1));
}
