import type { Clock } from '../lib/base/clock.ts';
import type { Phase, TrainerMessage } from '../lib/contract/trainer-messages.ts';

/** Time until a trainer's first message: importing TensorFlow.js on a cold disk takes its time. */
export const trainerStartBudgetMs = 300_000;

/**
 * A process that is alive may still hang. Each phase has a budget within which progress is due; the heartbeat is renewed
 * only while it lasts, so that a wedged trainer loses its job like a dead one.
 */
export class ProgressWatch {
  readonly #clock: Clock;
  #phase: Phase = 'starting';
  #budgetMs: number;
  #sinceMs: number;
  #position = { step: 0, epoch: 0, example: 0 };
  /** Ahead of the position where something else than progress, which is told a few times a second, named a later step. */
  #reachedStep = 0;
  #total: number | undefined;
  #metrics: Readonly<Record<string, number>> = {};
  #examplesPerSecond = 0;
  #longestGapMs = 0;

  /** @param startBudgetMs time until the first sign of life */
  constructor(clock: Clock, startBudgetMs = trainerStartBudgetMs) {
    this.#clock = clock;
    this.#budgetMs = startBudgetMs;
    this.#sinceMs = clock.monotonicMs();
  }

  get phase(): Phase {
    return this.#phase;
  }

  /** The last completed step that the trainer told of, in whatever message. */
  get step(): number {
    return Math.max(this.#position.step, this.#reachedStep);
  }

  get isSpent(): boolean {
    return this.#clock.monotonicMs() - this.#sinceMs > this.#budgetMs;
  }

  /** Why the trainer counts as hung, for the journal. */
  get verdict(): string {
    const silentMs = Math.round(this.#clock.monotonicMs() - this.#sinceMs);
    return `no progress for ${silentMs} ms in phase ${this.#phase} at step ${this.step}; its budget is ${this.#budgetMs} ms`;
  }

  /** Longest recent time between two moments at which the trainer could answer. */
  get longestGapMs(): number {
    return this.#longestGapMs;
  }

  get heartbeat(): {
    readonly phase: Phase;
    readonly step: number;
    readonly epoch: number;
    readonly examplesPerSecond: number;
    readonly loss: number | null;
    readonly metrics: Readonly<Record<string, number>>;
    readonly total?: number;
  } {
    return {
      phase: this.#phase,
      step: this.#position.step,
      epoch: this.#position.epoch,
      examplesPerSecond: this.#examplesPerSecond,
      loss: this.#metrics['loss'] ?? null,
      metrics: this.#metrics,
      ...(this.#total !== undefined && { total: this.#total }),
    };
  }

  /** Counting begins anew: what comes now may take this long without a sign of life. */
  allow(budgetMs: number): void {
    this.#sinceMs = this.#clock.monotonicMs();
    this.#budgetMs = budgetMs;
  }

  /** A restored or fresh attempt begins here. */
  startAt(step: number, epoch: number): void {
    this.#position = { ...this.#position, step, epoch };
    this.#reachedStep = step;
  }

  handle(message: TrainerMessage): void {
    this.#sinceMs = this.#clock.monotonicMs();
    if (message.kind === 'phase') {
      this.#phase = message.phase;
      this.#budgetMs = message.budgetMs;
    } else if (message.kind === 'progress') {
      this.#progressed(message);
    } else if (message.kind === 'done') {
      this.#position = { step: message.step, epoch: message.epoch, example: message.example };
    } else if (message.kind === 'staging') {
      this.#reachedStep = message.step;
    } else if (message.kind === 'failed') {
      this.#reachedStep = Math.max(this.#reachedStep, message.error.step);
    }
  }

  #progressed(message: Extract<TrainerMessage, { kind: 'progress' }>): void {
    const examples = message.example - this.#position.example;
    if (message.stepMs > 0 && examples > 0 && message.step > this.#position.step) {
      this.#examplesPerSecond = Math.round(
        (examples / (message.step - this.#position.step)) * (1_000 / message.stepMs),
      );
    }
    this.#position = { step: message.step, epoch: message.epoch, example: message.example };
    if (message.total !== undefined) this.#total = message.total;
    if (Object.keys(message.metrics).length > 0) this.#metrics = message.metrics;
    // Old gaps fade by a tenth a message, so that one slow first step does not cut every notice short.
    this.#longestGapMs = Math.max(message.gapMs, this.#longestGapMs * 0.9);
  }
}
