import type { RunCourse } from '../../lib/contract/step-record.ts';
import type { Random } from '../../lib/base/random.ts';
import {
  type Interruption,
  type InterruptionKind,
  type InterruptionPoint,
  placedKinds,
} from './interruption.ts';

export interface PlanOptions {
  /** What the program will do, as its record says. */
  readonly course: RunCourse;
  /** Steps that are compared: training ends there. */
  readonly steps: number;
  /** How many interruptions there shall be. */
  readonly interruptions: number;
  /** @default `firstInterruption` */
  readonly first?: Interruption;
  readonly random: Random;
}

export interface InterruptionPlan {
  /** Runs that are independent of each other, each with its interruptions in order. The first begins with `first-step`. */
  readonly runs: readonly (readonly Interruption[])[];
  /** Kinds that there is no place for, and why. */
  readonly notCovered: readonly { readonly kind: InterruptionKind; readonly why: string }[];
}

/** One interruption at each kind of place. */
export const defaultInterruptions = placedKinds.length;

/** A gap for a random interruption is looked for so often; a short run may have none left. */
const attemptsMax = 30;

/** The very first interruption: known before anything is known of the program. It loses some steps, so that the next process repeats them. */
export const firstInterruption: Interruption = {
  kind: 'first-step',
  saveAtSteps: [1],
  kill: { on: 'step', step: 6 },
};

/** The same in a short run, which needs its steps for the others. */
const firstSoon: Interruption = { kind: 'first-step', saveAtSteps: [1], kill: { on: 'step', step: 2 } };

/** The first of a run of as many steps: it takes a third of them at most. */
export function firstInterruptionOf(steps: number): Interruption {
  return steps >= 3 * firstInterruption.kill.step ? firstInterruption : firstSoon;
}

/** The same where a program ends before: it ends with its first checkpoint. */
export const firstAtOnce: Interruption = {
  kind: 'first-step',
  saveAtSteps: [1],
  kill: { on: 'staged', step: 1 },
};

/** Kinds that were planned and never came about: what nobody was killed by proves nothing. */
export function neverHappened(
  { runs }: InterruptionPlan,
  points: readonly InterruptionPoint[],
): InterruptionPlan['notCovered'] {
  const happened = new Set(points.map(({ kind }) => kind));
  const planned = new Set(runs.flat().map(({ kind }) => kind));
  return [...planned]
    .filter((kind) => !happened.has(kind))
    .map((kind) => ({ kind, why: 'training ended by itself before' }));
}

/** Where the runs are interrupted: a function of its arguments and of the random numbers. */
export function planInterruptions(options: PlanOptions): InterruptionPlan {
  const { steps, interruptions, random } = options;
  const wanted = new Set<InterruptionKind>(placedKinds.slice(0, interruptions));
  const skipped = new Map<InterruptionKind, string>();
  const [first, second] = [firstRun, secondRun].map((lay) => {
    const run = new RunPlan(steps, wanted, skipped);
    lay(run, options);
    return run;
  });
  const runs = [first, second].filter((run) => run !== undefined);
  for (let extra = placedKinds.length; extra < interruptions; extra++) {
    if (!addRandom(runs, steps, random)) {
      skipped.set('random', `a run of ${stepsInWords(steps)} has no room for ${interruptions} interruptions`);
      break;
    }
  }
  return {
    runs: runs.map(({ interruptions: laid }) => laid).filter((laid) => laid.length > 0),
    notCovered: [...skipped].map(([kind, why]) => ({ kind, why })),
  };
}

/** First step, middle of an epoch, twice in a row, end of an epoch. */
function firstRun(run: RunPlan, { course, steps, random, first = firstInterruption }: PlanOptions): void {
  run.add(first);
  const span = Math.min(course.stepsPerEpoch ?? steps, steps);
  const middle = between(random, 0.35 * span, 0.65 * span);
  if (span === 1) run.skip('mid-epoch', 'every step ends an epoch');
  // Of the first epoch whose middle is not over yet.
  else run.add({ kind: 'mid-epoch', ...savedAndKilledAt(nextAt(middle, span, run.end)) });
  // Resumed from there, and gone again after its first step.
  const again = run.last;
  if (again?.kind === 'mid-epoch')
    run.add({ kind: 'twice', saveAtSteps: [], kill: { on: 'step', step: again.kill.step + 1 } });
  else run.skip('twice', 'there is no interruption in the middle that it could follow');
  if (course.stepsPerEpoch === null) return run.skip('epoch-boundary', 'the program has no epochs');
  const boundary = nextMultiple(course.stepsPerEpoch, run.end);
  run.add({ kind: 'epoch-boundary', ...savedAndKilledAt(boundary) });
}

/** During a save, without notice, during an evaluation. */
function secondRun(run: RunPlan, { course, steps, random }: PlanOptions): void {
  const span = Math.min(course.stepsPerEpoch ?? steps, steps);
  const lost = Math.max(2, between(random, 0.2 * span, 0.35 * span));
  const before = Math.max(1, lost - 1 - between(random, 0, 2));
  run.add({ kind: 'during-save', saveAtSteps: [before, lost], kill: { on: 'staging', step: lost } });
  const saved = Math.max(run.end + 1, between(random, 0.5 * span, 0.75 * span));
  const killed = Math.max(saved + 1, Math.min(steps - 1, saved + between(random, 1, 5)));
  run.add({ kind: 'no-notice', saveAtSteps: [saved], kill: { on: 'step', step: killed } });
  if (!course.evaluates) return run.skip('evaluation', 'the program evaluates nothing');
  const every = course.evaluateEverySteps ?? steps;
  const evaluated = Math.min(steps, nextMultiple(every, run.end));
  // A state is saved before it is evaluated, whatever else is laid down.
  run.add({ kind: 'evaluation', saveAtSteps: [], kill: { on: 'evaluation', step: evaluated } });
}

function addRandom(runs: readonly RunPlan[], steps: number, random: Random): boolean {
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    const run = runs[Math.floor(random.next() * runs.length)];
    const saved = between(random, 2, steps - 1);
    const killed = Math.min(steps - 1, saved + between(random, 0, 4));
    const fits = run?.insert({
      kind: 'random',
      saveAtSteps: [saved],
      kill: { on: 'step', step: Math.max(saved, killed) },
    });
    if (fits === true) return true;
  }
  return false;
}

class RunPlan {
  interruptions: readonly Interruption[] = [];
  readonly #steps: number;
  readonly #wanted: ReadonlySet<InterruptionKind>;
  readonly #skipped: Map<InterruptionKind, string>;

  constructor(steps: number, wanted: ReadonlySet<InterruptionKind>, skipped: Map<InterruptionKind, string>) {
    this.#steps = steps;
    this.#wanted = wanted;
    this.#skipped = skipped;
  }

  get last(): Interruption | undefined {
    return this.interruptions.at(-1);
  }

  /** Steps that the last interruption is over with. */
  get end(): number {
    return this.last === undefined ? 0 : endOf(this.last);
  }

  skip(kind: InterruptionKind, why: string): void {
    if (this.#wanted.has(kind)) this.#skipped.set(kind, why);
  }

  /** Takes it unless it is not wanted, or comes too late or too early for this run. */
  add(interruption: Interruption): void {
    const { kind } = interruption;
    if (!this.#wanted.has(kind)) return;
    const tooLate = endOf(interruption) > lastStepFor(interruption, this.#steps);
    if (tooLate || beginOf(interruption) <= this.end || beginOf(interruption) > this.#steps)
      this.skip(kind, `a run of ${stepsInWords(this.#steps)} ends before`);
    else this.interruptions = [...this.interruptions, interruption];
  }

  /** Takes it where no other one is. */
  insert(interruption: Interruption): boolean {
    const [begin, end] = [beginOf(interruption), endOf(interruption)];
    const isFree = this.interruptions.every((other) => endOf(other) < begin || end < beginOf(other));
    // What `twice` repeats must directly precede it.
    if (!isFree || end > this.#steps - 1) return false;
    this.interruptions = [...this.interruptions, interruption].toSorted((a, b) => beginOf(a) - beginOf(b));
    return true;
  }
}

/** A run that is interrupted at its very end would have nothing left to compare, but for the evaluation there. The first has happened already. */
function lastStepFor({ kind }: Interruption, steps: number): number {
  if (kind === 'first-step') return Infinity;
  return kind === 'evaluation' ? steps : steps - 1;
}

function stepsInWords(steps: number): string {
  return steps === 1 ? '1 step' : `${steps} steps`;
}

function savedAndKilledAt(step: number): Pick<Interruption, 'saveAtSteps' | 'kill'> {
  return { saveAtSteps: [step], kill: { on: 'staged', step } };
}

function beginOf({ saveAtSteps, kill }: Interruption): number {
  return Math.min(kill.step, ...saveAtSteps);
}

function endOf({ kill }: Interruption): number {
  return kill.step;
}

function nextMultiple(of: number, after: number): number {
  return (Math.floor(after / of) + 1) * of;
}

/** The first of `offset`, `offset + of`, `offset + 2 of`, … beyond `after`. */
function nextAt(offset: number, of: number, after: number): number {
  return offset + Math.max(0, Math.ceil((after + 1 - offset) / of)) * of;
}

/** A whole number between both, inclusive. */
function between(random: Random, low: number, high: number): number {
  const [least, most] = [Math.ceil(low), Math.max(Math.ceil(low), Math.floor(high))];
  return least + Math.floor(random.next() * (most - least + 1));
}
