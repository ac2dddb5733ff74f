import { join } from 'node:path';
import { deferred, type Deferred } from '../../lib/base/deferred.ts';
import { systemClock } from '../../lib/base/clock.ts';
import type { TrainerMessage } from '../../lib/contract/trainer-messages.ts';
import { trainingLoop } from '../../lib/training/loop.ts';
import { HostCheckpoints } from '../../job/trainer/host-checkpoints.ts';
import { Slots } from '../../job/trainer/slots.ts';
import type { OpenRun } from './open-run.ts';
import { median } from './statistics.ts';

/** Gaps between two steps around one checkpoint. */
export interface CheckpointGaps {
  /** From the request until the last byte was written, between the end of a step and the beginning of the next. */
  readonly gapsMs: readonly number[];
  /** What a gap is without a checkpoint. */
  readonly bareGapMs: number;
  /** As many gaps without a checkpoint, right after: some are long there too, where garbage is collected. */
  readonly controlGapsMs: readonly number[];
}

/** Steps without a checkpoint before each one that is measured. */
const bareSteps = 12;

/**
 * The real loop with the real snapshots in this process, and a supervisor that takes each checkpoint at once. Steps are
 * synchronous, so that whatever the saving takes from the main thread lies between two of them.
 */
export class SavingLoop {
  readonly #run: OpenRun;
  readonly #slots: Slots;
  readonly #checkpoints: HostCheckpoints;
  #gaps: number[] = [];
  #steps = 0;
  #endedMs: number | undefined;
  #requests = 0;
  #staged: Deferred<void> = deferred();
  #waiting: { readonly until: number; readonly reached: Deferred<void> } | undefined;

  constructor(run: OpenRun, dir: string) {
    this.#run = run;
    this.#slots = new Slots(join(dir, 'staging'));
    this.#checkpoints = new HostCheckpoints({
      slots: this.#slots,
      send: (message) => this.#heard(message),
      shouldSave: () => undefined,
      clock: systemClock,
      onWaiting() {},
    });
  }

  /** Trains until `meanwhile` has resolved. */
  async run(meanwhile: () => Promise<void>): Promise<void> {
    const held = this.#run.state.hold();
    held.release();
    await this.#slots.reserve(held.files);
    this.#checkpoints.begin('fresh');
    this.#checkpoints.attach(this.#run);
    const looped = trainingLoop(this.#timed());
    await meanwhile();
    this.#checkpoints.stop();
    await looped;
  }

  /** Lets some steps go by, asks for a checkpoint, and resolves when it is staged. */
  async checkpoint(): Promise<CheckpointGaps> {
    this.#gaps = [];
    await this.steps(bareSteps);
    const bareGapMs = median(this.#gaps);
    this.#gaps = [];
    this.#staged = deferred();
    this.#checkpoints.request({ id: `s${++this.#requests}`, reason: 'policy', halt: false });
    await this.#staged.promise;
    // What is told at its end is still answered for between two steps.
    await this.steps(1);
    const gapsMs = this.#gaps;
    this.#gaps = [];
    await this.steps(gapsMs.length);
    return { gapsMs, bareGapMs, controlGapsMs: this.#gaps };
  }

  /** Resolves after `count` more steps. */
  async steps(count: number): Promise<void> {
    const reached = deferred();
    this.#waiting = { until: this.#steps + count, reached };
    await reached.promise;
  }

  #heard(message: TrainerMessage): void {
    if (message.kind !== 'staged' && message.kind !== 'abandoned') return;
    const { slot } = message;
    const settled = this.#staged;
    // After the host has noted it itself, as a message of another process would come.
    setImmediate(() => {
      this.#checkpoints.released({ slot, committed: message.kind === 'staged' });
      if (message.kind === 'staged') settled.resolve();
      else settled.reject(new Error(`a checkpoint was abandoned: ${message.why}`));
    });
  }

  #timed(): Parameters<typeof trainingLoop>[0] {
    const { training } = this.#run;
    return {
      ...this.#run,
      training: {
        ...training,
        step: async (moment) => {
          if (this.#endedMs !== undefined) this.#gaps.push(systemClock.monotonicMs() - this.#endedMs);
          await training.step(moment);
          this.#steps++;
          if (this.#waiting !== undefined && this.#steps >= this.#waiting.until) {
            this.#waiting.reached.resolve();
            this.#waiting = undefined;
          }
          this.#endedMs = systemClock.monotonicMs();
        },
      },
      hooks: {
        boundary: () => this.#checkpoints.boundary(),
        secure: (reason) => this.#checkpoints.secure(reason),
        phase: (phase) => this.#checkpoints.leaveBoundary(phase === 'evaluating' ? 'evaluation' : 'step'),
        stepped() {},
        evaluated() {},
        evaluationSignal: () => this.#checkpoints.evaluationSignal(),
      },
    };
  }
}
