import type { Position, TrainerDocument } from '../contract/trainer-document.ts';
import { type Best, nextBest, outOfPatience } from './best.ts';
import { startPosition } from './data-order.ts';
import { addMetrics, meansOf, type MetricSum, type MetricSums } from './epoch-metrics.ts';
import { decodePlain, type Encoded, encodePlain } from './plain-values.ts';
import type { Plan } from './plan.ts';
import type { MetricValues } from './tensors.ts';

/** The part of `trainer.json` that the loop itself changes. */
export type ProgressDocument = Pick<
  TrainerDocument,
  'position' | 'evaluation' | 'best' | 'stopped' | 'epochMetrics'
>;

/** Where a run stands: everything that changes from step to step apart from the program's own state. */
export class Progress {
  #position: Position = startPosition;
  #evaluation: { step: number | null; metrics: MetricValues } = { step: null, metrics: {} };
  #best: Best | null = null;
  #stopped: string | null = null;
  #sums: MetricSums = {};
  #changes = 0;

  get position(): Position {
    return this.#position;
  }
  get evaluation(): { readonly step: number | null; readonly metrics: MetricValues } {
    return this.#evaluation;
  }
  get best(): Best | null {
    return this.#best;
  }
  get stopped(): string | null {
    return this.#stopped;
  }
  /** Counts every change of state: two snapshots at the same number are the same. */
  get changes(): number {
    return this.#changes;
  }
  /** True while the best evaluation is the one of this very state. */
  get isBest(): boolean {
    const { step } = this.#position;
    return this.#best?.step === step && this.#best.evaluationsWithout === 0 && this.#evaluation.step === step;
  }
  /** Means over the running epoch, or over the one that has just ended. */
  get epochMeans(): MetricValues {
    return meansOf(this.#sums);
  }

  /** One step is complete. */
  stepped(after: Position, metrics: MetricValues, stopped: string | null): void {
    // Sums start anew with the first step of an epoch, so that they are whole while the loop stands at its end.
    const isFirstOfEpoch = this.#position.example === 0 && (after.epoch > 0 || after.example > 0);
    this.#sums = addMetrics(isFirstOfEpoch ? {} : this.#sums, metrics);
    this.#position = after;
    this.#stopped = stopped;
    this.#changes++;
  }

  /** An evaluation of the present state is complete. */
  evaluated(plan: Plan, metrics: MetricValues): void {
    const { step } = this.#position;
    if (plan.best !== null) {
      this.#best = nextBest(plan.best, this.#best, { metrics, step });
      this.#stopped ??= outOfPatience(plan.best, this.#best) ?? null;
    }
    this.#evaluation = { step, metrics };
    this.#changes++;
  }

  /** Takes over what a checkpoint says. */
  load(document: ProgressDocument): void {
    this.#position = document.position;
    this.#evaluation = {
      step: document.evaluation.step,
      metrics: Object.fromEntries(
        Object.entries(document.evaluation.metrics).map(([name, value]) => [name, numberOf(value)]),
      ),
    };
    this.#best = document.best;
    this.#stopped = document.stopped;
    this.#sums = Object.fromEntries(
      Object.entries(document.epochMetrics).map(([name, { sum, count }]): [string, MetricSum] => [
        name,
        { sum: numberOf(sum), count },
      ]),
    );
  }

  document(): ProgressDocument {
    return {
      position: this.#position,
      evaluation: {
        step: this.#evaluation.step,
        metrics: Object.fromEntries(
          Object.entries(this.#evaluation.metrics).map(([name, value]) => [name, encoded(value)]),
        ),
      },
      best: this.#best,
      stopped: this.#stopped,
      epochMetrics: Object.fromEntries(
        Object.entries(this.#sums).map(([name, { sum, count }]) => [name, { sum: encoded(sum), count }]),
      ),
    };
  }
}

function encoded(value: number): Encoded {
  return encodePlain(value, { at: 'metrics' });
}

function numberOf(value: unknown): number {
  return Number(decodePlain(value));
}
