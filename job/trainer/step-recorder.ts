import { openSync, writeSync } from 'node:fs';
import { defined } from '../../lib/base/assert.ts';
import type { RunCourse, StepRecord } from '../../lib/contract/step-record.ts';
import type { Position } from '../../lib/contract/trainer-document.ts';
import { startPosition, totalSteps } from '../../lib/training/data-order.ts';
import type { Plan } from '../../lib/training/plan.ts';
import type { SavableRun } from '../../lib/training/snapshot.ts';
import type { MetricValues } from '../../lib/training/tensors.ts';
import { stateDigests } from './state-digests.ts';

export interface RecordOptions {
  /** File that lines are added to. */
  readonly path: string;
  /** The state is hashed after every so many steps; 0: at the beginning alone. */
  readonly stateEverySteps: number;
}

/** Notes what each step saw and made, so that two runs can be compared. Every line is in the file before the next step begins: a kill loses none. */
export class StepRecorder {
  readonly #file: number;
  readonly #stateEverySteps: number;
  #before: Position | undefined;

  constructor({ path, stateEverySteps }: RecordOptions) {
    this.#file = openSync(path, 'a');
    this.#stateEverySteps = stateEverySteps;
  }

  /** Training begins at the position of the run. */
  began(run: SavableRun, resumed: boolean): void {
    const { position } = run.progress;
    this.#before = position;
    const { plan, state } = run;
    this.#write({
      kind: 'began',
      step: position.step,
      resumed,
      state: stateDigests(state),
      plan: courseOf(plan),
    });
  }

  stepped({ plan, progress, state }: SavableRun, metrics: MetricValues): void {
    const { position } = progress;
    const before = this.#before ?? position;
    this.#before = position;
    const isDue = this.#stateEverySteps > 0 && position.step % this.#stateEverySteps === 0;
    this.#write({
      kind: 'step',
      step: position.step,
      epoch: before.epoch,
      examples: plan.shape === null ? null : [...plan.order.indicesAt(before)],
      metrics: bitsOf(metrics),
      ...(isDue && { state: stateDigests(state) }),
    });
  }

  evaluated({ progress }: SavableRun, metrics: MetricValues): void {
    this.#write({ kind: 'evaluation', step: progress.position.step, metrics: bitsOf(metrics) });
  }

  #write(record: StepRecord): void {
    writeSync(this.#file, `${JSON.stringify(record)}\n`);
  }
}

function courseOf({ until, order, shape, evaluateEvery }: Plan): RunCourse {
  const perEpoch = shape === null ? null : order.stepsPerEpoch;
  const isScheduled = evaluateEvery !== null && evaluateEvery !== 'end';
  const schedule = isScheduled ? evaluateEvery : undefined;
  return {
    steps: totalSteps(until, order, startPosition),
    stepsPerEpoch: perEpoch,
    evaluateEverySteps:
      schedule === undefined
        ? null
        : 'steps' in schedule
          ? schedule.steps
          : schedule.epochs * defined(perEpoch, 'a schedule in epochs has data'),
    evaluates: evaluateEvery !== null,
  };
}

/** JSON would round nothing, but has neither NaN nor a negative zero. */
function bitsOf(metrics: MetricValues): Record<string, string> {
  return Object.fromEntries(
    Object.entries(metrics).map(([name, value]) => {
      const bits = Buffer.alloc(8);
      bits.writeDoubleBE(value);
      return [name, bits.toString('hex')];
    }),
  );
}
