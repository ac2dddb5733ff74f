import type { CopiedCheckpoint } from './copied-checkpoint.ts';
import type { Leg } from './compare-runs.ts';
import { type Interruption, type InterruptionPoint, interruptionWords } from './interruption.ts';
import type { Failure, ProcessResult } from './supervised-process.ts';
import type { Trial } from './trial.ts';

export interface InterruptedRun {
  readonly legs: readonly Leg[];
  readonly points: readonly InterruptionPoint[];
  /** It came to its end; its last checkpoint is `final`. */
  readonly isComplete: boolean;
  readonly final: CopiedCheckpoint | undefined;
  readonly failure: Failure | undefined;
}

export interface InterruptedRunOptions {
  readonly trial: Trial;
  readonly interruptions: readonly Interruption[];
  /** How its first process ended, where that has been run already. */
  readonly first?: ProcessResult | undefined;
  readonly endAtStep: number;
  readonly signal: AbortSignal;
  readonly onInterrupted: (point: InterruptionPoint) => void;
  /** Asked after each process: true where it is known to have gone wrong, so that the rest is not run. */
  readonly isEnough: (legs: readonly Leg[]) => boolean;
}

/** What the first process of an interrupted run comes after. */
export const secondStart = 'a second start';

/** Runs a program to its end, through all interruptions: after each another process, in other surroundings, goes on from the newest checkpoint. */
export async function runInterrupted(options: InterruptedRunOptions): Promise<InterruptedRun> {
  const { trial, interruptions, first, endAtStep, signal, onInterrupted, isEnough } = options;
  const legs: Leg[] = [];
  const points: InterruptionPoint[] = [];
  let newest: CopiedCheckpoint | undefined;
  let after = secondStart;
  for (let index = 0; index <= interruptions.length; index++) {
    const interruption = interruptions[index];
    const result: ProcessResult =
      index === 0 && first !== undefined
        ? first
        : await trial.run({
            from: newest,
            saveAtSteps: interruption?.saveAtSteps ?? [],
            kill: interruption?.kill,
            endAtStep,
            signal,
          });
    // The first process knew nothing of where the comparison ends.
    legs.push({
      records: result.records.filter(({ step }) => step <= endAtStep),
      after,
      resumedFromStep: newest?.step ?? null,
    });
    newest = result.copies.at(-1) ?? newest;
    const { failure } = result;
    const isOver = result.end !== 'killed' || interruption === undefined;
    if (isOver || isEnough(legs))
      return { legs, points, isComplete: result.end === 'done', final: newest, failure };
    const point = {
      kind: interruption.kind,
      killedAtStep: result.log.step ?? newest?.step ?? 0,
      resumedFromStep: newest?.step ?? null,
    };
    points.push(point);
    onInterrupted(point);
    after = afterWords(point);
  }
  return { legs, points, isComplete: false, final: newest, failure: undefined };
}

function afterWords({ kind, resumedFromStep }: InterruptionPoint): string {
  const from = resumedFromStep === null ? 'begun afresh' : `resumed from step ${resumedFromStep}`;
  return `an interruption ${interruptionWords[kind]}, ${from}`;
}
