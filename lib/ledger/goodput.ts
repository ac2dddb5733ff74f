/** Where a job's time went, folded from its journal. Pure; everything that is estimated says so. */
import type { JournalEntry } from '../contract/journal-entry.ts';
import { type AttemptTimes, collectAttempts, type Gap } from './attempt-times.ts';
import { splitAttempt } from './split-attempt.ts';

/** Every second from `submitted` to the end is in exactly one place. */
export interface JobSeconds {
  /** Training whose steps the job still stands on. */
  readonly productive: number;
  /** Training that was done again, or will be. */
  readonly lost: number;
  /** Training had halted for a checkpoint: at a notice, a pause, a hand-over, the end. */
  readonly saving: number;
  readonly restoring: number;
  /** From a claim to the first step, as far as nothing was being restored: trainer, libraries, compilation. Partly estimated. */
  readonly starting: number;
  /** Nobody worked on it: in the queue, or a machine booting. */
  readonly waiting: number;
  /** Paused on request, or ended and resumed later. */
  readonly paused: number;
}

export type JobTimeKind = keyof JobSeconds;

export interface AttemptGoodput {
  readonly claim: number;
  readonly instance: AttemptTimes['instance'];
  readonly fromMs: number;
  readonly toMs: number;
  readonly seconds: JobSeconds;
  /** Steps of this attempt that the job stands on. */
  readonly steps: number;
  readonly lostSteps: number;
  /** The machine fell silent: when, and at which step, is an estimate from the pace before. */
  readonly isEstimated: boolean;
}

export interface Goodput {
  /** When the account begins: the job was submitted. Milliseconds since 1970. */
  readonly fromMs: number;
  readonly seconds: JobSeconds;
  readonly wallSeconds: number;
  /** A machine was there: all but waiting and paused. Seconds. */
  readonly allocatedSeconds: number;
  /** Productive ÷ allocated; null before any machine. */
  readonly goodput: number | null;
  /** Steps that the job stands on, without those of the job that it was forked from. */
  readonly steps: number;
  readonly lostSteps: number;
  /** Oldest first. */
  readonly attempts: readonly AttemptGoodput[];
  /** What the numbers rest on where the journal does not tell. */
  readonly notes: readonly string[];
}

const noSeconds: JobSeconds = {
  productive: 0,
  lost: 0,
  saving: 0,
  restoring: 0,
  starting: 0,
  waiting: 0,
  paused: 0,
};

/**
 * The goodput of a whole journal, slot 1 first.
 * @param now for a job that has not ended; what is after it does not count
 */
export function goodputOf(entries: readonly JournalEntry[], now: Date): Goodput {
  const { attempts, gaps, fromMs, untilMs } = collectAttempts(entries, now.getTime());
  const split = attempts.map((attempt, index) =>
    splitAttempt(attempt, {
      later: attempts.slice(index + 1),
      msPerStep: paceOn(attempts, attempt.instance.type),
    }),
  );
  const idle = gaps.reduce(withGap, noSeconds);
  const seconds = split.reduce((sum, attempt) => added(sum, attempt.seconds), idle);
  const wallSeconds = (untilMs - fromMs) / 1_000;
  const allocatedSeconds = wallSeconds - seconds.waiting - seconds.paused;
  return {
    fromMs,
    seconds,
    wallSeconds,
    allocatedSeconds,
    goodput: allocatedSeconds > 0 ? seconds.productive / allocatedSeconds : null,
    steps: split.reduce((sum, { steps }) => sum + steps, 0),
    lostSteps: split.reduce((sum, { lostSteps }) => sum + lostSteps, 0),
    attempts: split,
    notes: notesOn(split),
  };
}

/** The sum of two accounts. */
export function added(one: JobSeconds, other: JobSeconds): JobSeconds {
  return {
    productive: one.productive + other.productive,
    lost: one.lost + other.lost,
    saving: one.saving + other.saving,
    restoring: one.restoring + other.restoring,
    starting: one.starting + other.starting,
    waiting: one.waiting + other.waiting,
    paused: one.paused + other.paused,
  };
}

function withGap(sum: JobSeconds, { kind, fromMs, toMs }: Gap): JobSeconds {
  return { ...sum, [kind]: sum[kind] + (toMs - fromMs) / 1_000 };
}

/** Milliseconds of one step between the checkpoints of all attempts on machines of a type. */
function paceOn(attempts: readonly AttemptTimes[], type: string): number | undefined {
  let steps = 0;
  let spentMs = 0;
  for (const { instance, marks } of attempts) {
    const first = marks[0];
    const last = marks.at(-1);
    if (instance.type !== type || first === undefined || last === undefined) continue;
    steps += last.step - first.step;
    spentMs += last.takenAtMs - first.takenAtMs;
  }
  return steps > 0 ? spentMs / steps : undefined;
}

function notesOn(attempts: readonly AttemptGoodput[]): readonly string[] {
  const silent = attempts.filter(({ isEstimated }) => isEstimated).length;
  return [
    'saving is time in which training had halted; what a snapshot takes from running training is not in the journal and counts as productive',
    'a machine counts from its claim: the journal does not tell of its boot',
    'when the first step of an attempt began is estimated from the pace between checkpoints; what pace there is includes evaluations',
    ...(silent === 0
      ? []
      : [`${silent} of ${attempts.length} attempts ended in silence: when is estimated from their pace`]),
  ];
}
