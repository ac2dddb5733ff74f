import { join } from 'node:path';
import type { Clock } from '../../lib/base/clock.ts';
import { defined } from '../../lib/base/assert.ts';
import { InvariantError } from '../../lib/base/errors.ts';
import { seededRandom } from '../../lib/base/random.ts';
import type { RunCourse } from '../../lib/contract/step-record.ts';
import { chooseSteps } from './choose-steps.ts';
import { compareFinals } from './compare-finals.ts';
import { compareRuns, type Leg } from './compare-runs.ts';
import { digestOf } from './copied-checkpoint.ts';
import { diagnose, type Diagnosis } from './diagnose.ts';
import type { Divergence } from './divergence.ts';
import { divergenceOfFailure, refusesForgottenState } from './divergence-of-failure.ts';
import { doesNotRun } from './does-not-run.ts';
import { type InterruptedRun, runInterrupted, secondStart } from './interrupted-run.ts';
import type { InterruptionPoint } from './interruption.ts';
import { controlOf, type ControlResult, type NegativeControl, negativeControl } from './negative-control.ts';
import {
  defaultInterruptions,
  firstAtOnce,
  firstInterruption,
  firstInterruptionOf,
  type InterruptionPlan,
  neverHappened,
  planInterruptions,
} from './plan-interruptions.ts';
import { runAtMost } from './run-at-most.ts';
import type { Failure, ProcessResult } from './supervised-process.ts';
import { readTraces } from './trace/read-traces.ts';
import { Trial, type TrialProgram } from './trial.ts';

export interface VerifyOptions {
  readonly program: TrialProgram;
  /** Steps that are compared. @default what can be afforded (`chooseSteps`) */
  readonly steps?: number | undefined;
  /** @default one of each kind */
  readonly interruptions?: number | undefined;
  /** Decides where it is interrupted, and into which surroundings it comes. */
  readonly seed: number;
  /** A folder of its own; what the processes write stays there. */
  readonly dir: string;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly onEvent?: (event: VerifyEvent) => void;
}

export type VerifyEvent =
  | {
      readonly kind: 'planned';
      readonly steps: number;
      readonly stepsInAll: number;
      readonly interruptions: number;
    }
  | { readonly kind: 'interrupted'; readonly point: InterruptionPoint }
  /** Share of the work that is done, 0 to 1. */
  | { readonly kind: 'progress'; readonly share: number };

/** What two ways of running the same program came to. */
export interface Verification {
  /** Undefined: the program resumes exactly, as far as it was looked at. */
  readonly divergence: Divergence | undefined;
  /** Its likely cause, in the words of whoever wrote the program. */
  readonly diagnosis: Diagnosis | undefined;
  /** What the program itself said, where it would not go on. */
  readonly failure: Failure | undefined;
  /** Interruptions that happened. */
  readonly points: readonly InterruptionPoint[];
  readonly notCovered: InterruptionPlan['notCovered'];
  /** Steps that were compared. */
  readonly steps: number;
  /** Steps that the program takes when nobody ends it before. */
  readonly stepsInAll: number | undefined;
  readonly negativeControl: NegativeControl;
  /** Over the files of the last checkpoint of the uninterrupted run; undefined where there is none. */
  readonly digest: string | undefined;
  readonly reference: Leg;
  readonly interrupted: readonly (readonly Leg[])[];
}

/** Processes that run at once. */
const atOnce = 2;

/** The first process is killed after this time at the latest, once it has repeated a step. */
const firstSeconds = 5;

/**
 * Runs a program uninterrupted and interrupted, in processes that are killed (SIGKILL), and compares them step by step.
 * @throws UnfitError when this machine cannot run the program; UserProgramError when the program fails without any
 * interruption; InvariantError when the negative control was missed
 */
export async function verifyProgram(options: VerifyOptions): Promise<Verification> {
  return await new Verifier(options).verify();
}

class Verifier {
  readonly #options: VerifyOptions;
  readonly #trial: Trial;
  /** Aborted when the answer is known: the rest is not run. */
  readonly #enough = new AbortController();
  readonly #signal: AbortSignal;
  readonly #points: InterruptionPoint[] = [];
  readonly #runs: (InterruptedRun | undefined)[] = [];
  #control: ControlResult = 'not-run';
  #reference: ProcessResult | undefined;

  constructor(options: VerifyOptions) {
    this.#options = options;
    const { program, dir, seed, clock, signal } = options;
    this.#signal = AbortSignal.any([signal, this.#enough.signal]);
    this.#trial = new Trial({ program, dir, seed, clock });
  }

  async verify(): Promise<Verification> {
    const { interruptions = defaultInterruptions, seed } = this.#options;
    const { first, secondsPerStep } = await this.#runFirst();
    const { course } = first.log;
    if (first.failure !== undefined || course === undefined) return this.#failed(first, undefined);
    const steps = Math.min(course.steps, this.#options.steps ?? chooseSteps(course, secondsPerStep));
    const random = seededRandom(seed);
    // It may have ended by itself: then it is nobody's first process.
    const begin = first.end === 'killed' ? firstInterruptionOf(steps) : firstAtOnce;
    const plan = planInterruptions({ course, steps, interruptions, first: begin, random });
    const planned = plan.runs.flat().length;
    this.#tell({ kind: 'planned', steps, stepsInAll: course.steps, interruptions: planned });
    await this.#runAll({ plan, first, steps });
    const reference = defined(this.#reference, 'the uninterrupted run has ended');
    if (reference.failure !== undefined) return this.#failed(reference, course);
    const divergence = await this.#firstDivergence(reference);
    const control = controlOf(this.#control, divergence);
    if (divergence === undefined && !['found', 'nothing-to-drop'].includes(control))
      throw new InvariantError('a part of a checkpoint was dropped on purpose, and nobody noticed.', {
        hint: 'Nothing is proved by a comparison that misses it: please report it.',
      });
    const failure = this.#runs.find((run) => run?.failure !== undefined)?.failure;
    return {
      ...(await this.#common(divergence)),
      failure: divergence?.kind === 'refused' ? failure : undefined,
      // Once the answer is known, the rest is not run.
      notCovered: [
        ...plan.notCovered,
        ...(divergence === undefined ? neverHappened(plan, this.#points) : []),
      ],
      steps: reference.log.step ?? 0,
      stepsInAll: course.steps,
      digest: digestOfLast(reference),
      reference: { ...leftAlone, records: reference.records },
    };
  }

  /** Tells what the program does and how long a step takes, and is the first process of the first interrupted run. */
  async #runFirst(): Promise<{ readonly first: ProcessResult; readonly secondsPerStep: number }> {
    const { clock, signal } = this.#options;
    const seen: { step: number; atMs: number }[] = [];
    const first = await this.#trial.run({
      saveAtSteps: firstInterruption.saveAtSteps,
      kill: firstInterruption.kill,
      signal,
      onRecords: ({ step = 0 }) => {
        const atMs = clock.monotonicMs();
        if (step > 0 && step !== seen.at(-1)?.step) seen.push({ step, atMs });
        return step > 1 && atMs - (seen[0]?.atMs ?? atMs) > firstSeconds * 1_000;
      },
    });
    const [one, last] = [seen[0], seen.at(-1)];
    const steps = (last?.step ?? 0) - (one?.step ?? 0);
    const seconds = ((last?.atMs ?? 0) - (one?.atMs ?? 0)) / 1_000;
    return { first, secondsPerStep: steps > 0 ? seconds / steps : 0 };
  }

  /** The uninterrupted run beside the negative control and the interrupted runs. */
  async #runAll(order: {
    readonly plan: InterruptionPlan;
    readonly first: ProcessResult;
    readonly steps: number;
  }): Promise<void> {
    const { plan, first, steps } = order;
    const total = steps * (1 + plan.runs.length);
    const stop = this.#trial.onSteps((taken) =>
      this.#tell({ kind: 'progress', share: Math.min(1, taken / total) }),
    );
    const interrupted = plan.runs.map((interruptions, index) => async () => {
      this.#runs[index] = await runInterrupted({
        trial: this.#trial,
        interruptions,
        first: interruptions[0] === firstInterruption ? first : undefined,
        endAtStep: steps,
        signal: this.#signal,
        onInterrupted: (point) => this.#interrupted(point),
        isEnough: (legs) => this.#differs(legs),
      });
      await this.#look();
    });
    try {
      await runAtMost(atOnce, [
        () => this.#runReference(steps),
        () => this.#runControl(first),
        ...interrupted,
      ]);
    } catch (error) {
      if (!this.#enough.signal.aborted || this.#options.signal.aborted) throw error;
    } finally {
      stop();
    }
  }

  async #runReference(steps: number): Promise<void> {
    this.#reference = await this.#trial.run({ endAtStep: steps, signal: this.#signal });
    await this.#look();
  }

  async #runControl(first: ProcessResult): Promise<void> {
    const [checkpoint] = first.copies;
    if (checkpoint === undefined) return;
    this.#control = await negativeControl({
      trial: this.#trial,
      checkpoint,
      records: first.records,
      dir: join(this.#options.dir, 'negative-control'),
      random: seededRandom(this.#options.seed),
      signal: this.#signal,
    });
  }

  #differs(legs: readonly Leg[]): boolean {
    if (this.#reference === undefined) return false;
    return compareRuns(this.#reference.records, legs, { isComplete: false }) !== undefined;
  }

  /** Ends everything once the answer cannot change any more: runs count in their order, whichever ends first. */
  async #look(): Promise<void> {
    const reference = this.#reference;
    if (reference === undefined) return;
    if (reference.failure === undefined && (await this.#firstDivergence(reference)) === undefined) return;
    this.#enough.abort(new Error('the answer is known'));
  }

  /** Of the first run that differs, while no earlier one is missing. */
  async #firstDivergence({ records, copies }: ProcessResult): Promise<Divergence | undefined> {
    for (const run of this.#runs) {
      // A later one came to its end before.
      if (run === undefined) return undefined;
      const { legs, isComplete, failure } = run;
      const divergence =
        compareRuns(records, legs, { isComplete }) ??
        (failure && divergenceOfFailure(failure, legs.at(-1) ?? firstLeg)) ??
        (isComplete ? await compareFinals(copies.at(-1), run.final, legs.at(-1) ?? firstLeg) : undefined);
      if (divergence !== undefined) return divergence;
    }
    return undefined;
  }

  /** The program does not even come to its end when it is left alone: what it would lose was found, or it does not run. */
  async #failed(process: ProcessResult, course: RunCourse | undefined): Promise<Verification> {
    const failure = defined(process.failure, 'a process that failed says why');
    if (!refusesForgottenState(failure)) throw doesNotRun(failure);
    return {
      ...(await this.#common(divergenceOfFailure(failure, leftAlone))),
      failure,
      notCovered: [],
      steps: process.log.step ?? 0,
      stepsInAll: course?.steps,
      digest: undefined,
      reference: { ...leftAlone, records: process.records },
    };
  }

  async #common(
    divergence: Divergence | undefined,
  ): Promise<Pick<Verification, 'divergence' | 'diagnosis' | 'points' | 'negativeControl' | 'interrupted'>> {
    const { code } = this.#options.program;
    return {
      divergence,
      diagnosis:
        divergence &&
        diagnose({ divergence, traces: await readTraces(this.#trial.traceDir), program: { code } }),
      points: this.#points,
      negativeControl: controlOf(this.#control, divergence),
      interrupted: this.#runs.filter((run) => run !== undefined).map(({ legs }) => legs),
    };
  }

  #interrupted(point: InterruptionPoint): void {
    this.#points.push(point);
    this.#tell({ kind: 'interrupted', point });
  }

  #tell(event: VerifyEvent): void {
    this.#options.onEvent?.(event);
  }
}

/** Where a program fails without any interruption. */
const leftAlone = { after: 'no interruption at all', resumedFromStep: null };

const firstLeg = { after: secondStart, resumedFromStep: null };

function digestOfLast({ copies }: ProcessResult): string | undefined {
  const last = copies.at(-1);
  return last && digestOf(last);
}
