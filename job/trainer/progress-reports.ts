import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Clock } from '../../lib/base/clock.ts';
import type { Phase, TrainerMessage } from '../../lib/contract/trainer-messages.ts';
import { totalSteps } from '../../lib/training/data-order.ts';
import type { Plan } from '../../lib/training/plan.ts';
import type { Progress } from '../../lib/training/progress.ts';
import { finite, type MetricValues } from '../../lib/training/tensors.ts';

/** Four messages a second are enough for a screen, and cost no step time. */
const intervalMs = 250;

const minute = 60_000;

/**
 * How long each phase may take without a sign of life. Legitimately slow: a download by `setup`, the first step on a GPU
 * (kernels are compiled), an evaluation over a large set, and a supervisor that downloads or uploads.
 */
const budgetsMs: Readonly<Record<Phase, number>> = {
  starting: 5 * minute,
  setup: 30 * minute,
  restoring: 10 * minute,
  'first-step': 15 * minute,
  training: 10 * minute,
  evaluating: 60 * minute,
  waiting: 120 * minute,
  done: 120 * minute,
};

/** Tells the supervisor where training stands: phases as they change, steps at most four times a second. */
export class ProgressReports {
  readonly #send: (message: TrainerMessage) => void;
  readonly #clock: Clock;
  readonly #delay = monitorEventLoopDelay({ resolution: 5 });
  #phase: Phase | undefined;
  #sentAtMs = -Infinity;
  #epochSentAtMs = -Infinity;
  #stepMs = 0;
  #longestStepMs = 0;

  constructor(send: (message: TrainerMessage) => void, clock: Clock) {
    this.#send = send;
    this.#clock = clock;
    this.#delay.enable();
  }

  phase(phase: Phase): void {
    if (phase === this.#phase) return;
    this.#phase = phase;
    this.#send({ kind: 'phase', phase, budgetMs: budgetsMs[phase] });
  }

  stepped(
    plan: Plan,
    progress: Progress,
    step: { readonly stepMs: number; readonly metrics: MetricValues },
  ): void {
    this.#stepMs = step.stepMs;
    this.#longestStepMs = Math.max(this.#longestStepMs, step.stepMs);
    const nowMs = this.#clock.monotonicMs();
    const { example, epoch } = progress.position;
    const isEndOfEpoch = plan.shape !== null && example === 0 && epoch > 0;
    // The end of an epoch is told even if a step has just been told, but not for a hundred epochs a second.
    if (isEndOfEpoch && nowMs - this.#epochSentAtMs >= intervalMs) {
      this.#epochSentAtMs = nowMs;
      this.#report(plan, progress, { metrics: step.metrics, epochMeans: finite(progress.epochMeans) });
    } else if (nowMs - this.#sentAtMs >= intervalMs) this.#report(plan, progress, { metrics: step.metrics });
  }

  evaluated(plan: Plan, progress: Progress, metrics: MetricValues): void {
    this.#report(plan, progress, { metrics: {}, evaluation: finite(metrics) });
  }

  #report(
    plan: Plan,
    progress: Progress,
    what: {
      readonly metrics: MetricValues;
      readonly evaluation?: Record<string, number>;
      readonly epochMeans?: Record<string, number>;
    },
  ): void {
    this.#sentAtMs = this.#clock.monotonicMs();
    this.#send({
      kind: 'progress',
      ...progress.position,
      stepMs: this.#stepMs,
      // A request waits for the end of the step, whether that computes or awaits something.
      gapMs: Math.max(this.#longestStepMs, this.#delay.max / 1e6),
      total: totalSteps(plan.until, plan.order, progress.position),
      ...what,
      metrics: finite(what.metrics),
    });
    this.#delay.reset();
    this.#longestStepMs = 0;
  }
}
