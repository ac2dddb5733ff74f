import type { Clock } from '../lib/base/clock.ts';
import type { Random } from '../lib/base/random.ts';

/** Six hours, as on EC2. */
const ttlSecondsMax = 21_600;

/** Session tokens of version 2, with their ends on the monotonic clock. */
export class ImdsTokens {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #endsAtMonotonicMs = new Map<string, number>();

  constructor(options: { readonly clock: Clock; readonly random: Random }) {
    this.#clock = options.clock;
    this.#random = options.random;
  }

  /** A new token; undefined when the time asked for is not a whole number of 1 to 21,600 seconds. */
  grant(ttlSeconds: number): string | undefined {
    if (!Number.isInteger(ttlSeconds) || ttlSeconds < 1 || ttlSeconds > ttlSecondsMax) return undefined;
    this.#forgetEnded();
    const token = Buffer.from(this.#random.hex(32), 'hex').toString('base64');
    this.#endsAtMonotonicMs.set(token, this.#clock.monotonicMs() + ttlSeconds * 1_000);
    return token;
  }

  isValid(token: string | undefined): boolean {
    const end = token === undefined ? undefined : this.#endsAtMonotonicMs.get(token);
    return end !== undefined && this.#clock.monotonicMs() < end;
  }

  /** Ends every token now, as a restart of the service does. */
  endAll(): void {
    this.#endsAtMonotonicMs.clear();
  }

  #forgetEnded(): void {
    for (const [token, end] of this.#endsAtMonotonicMs) {
      if (end <= this.#clock.monotonicMs()) this.#endsAtMonotonicMs.delete(token);
    }
  }
}
