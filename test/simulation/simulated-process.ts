import type { Clock } from '../../lib/base/clock.ts';
import type { Random } from '../../lib/base/random.ts';
import { chanceOf } from './chance.ts';
import type { Timeline } from './timeline.ts';

/** What a history calls the wall clock's beginning. */
export const startOfTime: number = Date.parse('2030-01-01T00:00:00Z');

/**
 * A process of a history: a worker with its trainer, an operator's command, a run of reconcile. What it waits for comes by
 * the timeline, so that it can die between any two answers, or stand still while the world goes on.
 */
export class SimulatedProcess {
  readonly name: string;
  readonly random: Random;
  readonly clock: Clock;
  readonly timeline: Timeline;
  isDead = false;
  hasEnded = false;
  /** Requests to store and queue so far. */
  calls = 0;
  readonly #skew: { wallMs: number };
  #frozenUntilMs = 0;
  /** Time that this machine's monotonic clock has not counted. */
  #uncountedMs = 0;
  #onDeath: Array<() => void> = [];

  constructor(options: {
    readonly name: string;
    readonly seed: number;
    readonly timeline: Timeline;
    /** How far its wall clock is ahead of true time. */
    readonly skewMs?: number;
  }) {
    const { name, seed, timeline, skewMs = 0 } = options;
    this.name = name;
    this.timeline = timeline;
    this.random = chanceOf(seed, `process ${name}`);
    this.#skew = { wallMs: skewMs };
    this.clock = {
      now: () => new Date(startOfTime + timeline.nowMs + this.#skew.wallMs),
      monotonicMs: () => timeline.nowMs - this.#uncountedMs,
      sleep: (ms, signal) => this.#sleep(ms, signal),
    };
  }

  get isFrozen(): boolean {
    return this.timeline.nowMs < this.#frozenUntilMs;
  }

  /** `act` happens in this process after `ms`: later while it stands still, never once it is dead. */
  after(ms: number, act: () => void): void {
    this.timeline.after(ms, () => this.#now(act));
  }

  onDeath(act: () => void): void {
    this.#onDeath.push(act);
  }

  /** It came to its end by itself. */
  end(): void {
    this.hasEnded = true;
    this.die();
  }

  /** Power off, at this very moment: nothing that it waits for comes any more. */
  die(): void {
    if (this.isDead) return;
    this.isDead = true;
    const listeners = this.#onDeath;
    this.#onDeath = [];
    for (const act of listeners) act();
  }

  /** It stands still, and goes on as if nothing had been. `countsTime` false: as in hibernation. */
  freeze(ms: number, { countsTime }: { readonly countsTime: boolean }): void {
    const { nowMs } = this.timeline;
    const begunMs = Math.max(nowMs, this.#frozenUntilMs);
    this.#frozenUntilMs = Math.max(begunMs, nowMs + ms);
    // Nobody here looks at a clock meanwhile.
    if (!countsTime) this.#uncountedMs += this.#frozenUntilMs - begunMs;
  }

  /** Its wall clock is set ahead, or back. */
  jump(ms: number): void {
    this.#skew.wallMs += ms;
  }

  #now(act: () => void): boolean {
    if (this.isDead) return false;
    if (this.isFrozen) {
      this.timeline.after(this.#frozenUntilMs - this.timeline.nowMs, () => this.#now(act));
      return false;
    }
    act();
    return true;
  }

  async #sleep(ms: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    const dueMs = this.clock.monotonicMs() + Math.max(0, ms);
    await new Promise<void>((resolve, reject) => {
      let isOver = false;
      const onAbort = (): void => {
        isOver = true;
        reject(signal?.reason);
      };
      const wake = (): boolean => {
        if (isOver) return false;
        const leftMs = dueMs - this.clock.monotonicMs();
        // Of hibernation no timer takes note.
        if (leftMs > 0) return (this.after(leftMs, wake), false);
        isOver = true;
        signal?.removeEventListener('abort', onAbort);
        resolve();
        return true;
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      this.after(ms, wake);
    });
  }
}
