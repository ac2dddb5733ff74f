import type { AttemptTimes } from './attempt-times.ts';
import type { AttemptGoodput, JobSeconds } from './goodput.ts';

export interface SplitFacts {
  /** The attempts after it: the earliest step from which one of them went on is where its work stops to count. */
  readonly later: readonly AttemptTimes[];
  /** Of one step on a machine of this type, between checkpoints; undefined where none tell. */
  readonly msPerStep: number | undefined;
}

/**
 * Divides the time of one attempt. The journal does not tell of its first step: what its first steps took beyond the pace
 * between checkpoints was the start of the program. Evaluations between checkpoints are in that pace, so the start is
 * rather told too short.
 */
export function splitAttempt(attempt: AttemptTimes, { later, msPerStep }: SplitFacts): AttemptGoodput {
  const { claim, instance, fromMs, restored, isSilent } = attempt;
  const goneMs = isSilent ? silentSinceMs(attempt) : attempt.toMs;
  const common = { claim, instance, fromMs, toMs: goneMs, isEstimated: isSilent };
  // Where the journal shows a successor, the time until then was a wait for it.
  const waitingMs = attempt.toMs - goneMs;
  if (restored === undefined) {
    const startingMs = goneMs - fromMs;
    return { ...common, seconds: secondsOf({ startingMs, waitingMs }), steps: 0, lostSteps: 0 };
  }
  const restoringMs = Math.min(restored.elapsedMs, restored.atMs - fromMs);
  const programMs = programStartMs({ ...attempt, toMs: goneMs }, restored, msPerStep);
  const startingMs = restored.atMs - fromMs - restoringMs + programMs;
  const beganMs = restored.atMs + programMs;
  if (!attempt.isClosed) {
    // Nothing of an attempt that goes on is lost yet.
    const productiveMs = goneMs - beganMs;
    const seconds = secondsOf({ startingMs, restoringMs, productiveMs, waitingMs });
    return { ...common, seconds, steps: attempt.lastStep - restored.step, lostSteps: 0 };
  }
  const wentOnFrom = later.flatMap((one) => (one.restored === undefined ? [] : [one.restored.step]));
  const firstTakenBack = Math.min(Number.POSITIVE_INFINITY, ...wentOnFrom);
  const kept = attempt.marks.findLast(({ step }) => step <= firstTakenBack);
  const keptStep = Math.min(kept?.step ?? restored.step, firstTakenBack);
  const keptMs = Math.max(beganMs, kept?.takenAtMs ?? beganMs);
  const isLost = isSilent || attempt.lastStep > keptStep;
  const tailMs = goneMs - keptMs;
  return {
    ...common,
    seconds: secondsOf({
      startingMs,
      restoringMs,
      waitingMs,
      productiveMs: keptMs - beganMs,
      // With no step beyond the last checkpoint that counts, training had halted for it.
      ...(isLost ? { lostMs: tailMs } : { savingMs: tailMs }),
    }),
    steps: Math.max(0, keptStep - restored.step),
    lostSteps: Math.max(0, attempt.lastStep - Math.max(keptStep, restored.step)),
  };
}

/** From `restored` to the first step, as far as the pace tells; never beyond the first checkpoint or the end. */
function programStartMs(
  { marks, lastStep, toMs, isClosed, isSilent }: AttemptTimes,
  restored: { readonly atMs: number; readonly step: number },
  msPerStep: number | undefined,
): number {
  // How far an attempt without a checkpoint has come is known of an end that it told of only.
  if (marks.length === 0 && (!isClosed || isSilent)) return 0;
  const first = marks[0] ?? { step: lastStep, takenAtMs: toMs };
  const steps = Math.max(0, first.step - restored.step);
  // Without any step until then, all of it was the start.
  if (steps > 0 && msPerStep === undefined) return 0;
  return Math.max(0, first.takenAtMs - restored.atMs - steps * (msPerStep ?? 0));
}

/** The last heartbeat told of a step; at the pace before, that was then. Without any pace, its last entry. */
function silentSinceMs({ restored, marks, lastStep, lastHeardMs, toMs }: AttemptTimes): number {
  const last = marks.at(-1);
  if (restored === undefined || last === undefined || last.step <= restored.step)
    return Math.min(toMs, lastHeardMs);
  const msPerStep = (last.takenAtMs - restored.atMs) / (last.step - restored.step);
  const reachedMs = last.takenAtMs + (lastStep - last.step) * msPerStep;
  return Math.min(toMs, Math.max(lastHeardMs, reachedMs));
}

function secondsOf(ms: {
  readonly productiveMs?: number;
  readonly lostMs?: number;
  readonly savingMs?: number;
  readonly restoringMs?: number;
  readonly startingMs: number;
  readonly waitingMs: number;
}): JobSeconds {
  const { productiveMs = 0, lostMs = 0, savingMs = 0, restoringMs = 0, startingMs, waitingMs } = ms;
  return {
    productive: productiveMs / 1_000,
    lost: lostMs / 1_000,
    saving: savingMs / 1_000,
    restoring: restoringMs / 1_000,
    starting: startingMs / 1_000,
    waiting: waitingMs / 1_000,
    paused: 0,
  };
}
