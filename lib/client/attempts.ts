import type { Instance, JournalEntry } from '../contract/journal-entry.ts';

/** One worker's claim of a job, as the journal tells it. */
export interface Attempt {
  readonly claim: number;
  readonly startedAt: string;
  readonly instance: Instance;
  /** The step at which it began; undefined while (or because) it never finished its restore. */
  readonly restoredStep: number | undefined;
  readonly restoredAt: string | undefined;
  /** Undefined while it is open. */
  readonly end: AttemptEnd | undefined;
  /** When each step of its own checkpoints became durable, in order. */
  readonly commits: ReadonlyArray<{ readonly step: number; readonly at: string }>;
}

export interface AttemptEnd {
  readonly kind:
    | 'interrupted'
    | 'error'
    | 'infrastructure'
    | 'hung'
    | 'handover'
    /** Another claim followed without a word. */
    | 'silence'
    | 'completed'
    | 'failed'
    | 'paused'
    | 'cancelled';
  readonly at: string;
  /** In words for people: the notice, the error. */
  readonly message: string;
}

/**
 * The attempts of a job, oldest first. Entries of an owner that is not the newest are passed over, as every reader does;
 * so are claims that only settled a pause or a cancellation for a job that nobody worked on, or gave a fork its first
 * checkpoint.
 */
export function attemptsOf(entries: readonly JournalEntry[]): readonly Attempt[] {
  return entries
    .reduce<readonly Attempt[]>(followed, [])
    .filter((attempt) => attempt.instance.type !== 'operator' && !onlySettled(attempt));
}

function onlySettled({ end, restoredStep }: Attempt): boolean {
  return restoredStep === undefined && (end?.kind === 'paused' || end?.kind === 'cancelled');
}

function followed(attempts: readonly Attempt[], entry: JournalEntry): readonly Attempt[] {
  const last = attempts.at(-1);
  if (entry.kind === 'claimed') {
    const started: Attempt = {
      claim: entry.sequence,
      startedAt: entry.at,
      instance: entry.instance,
      restoredStep: undefined,
      restoredAt: undefined,
      end: undefined,
      commits: [],
    };
    const silent: AttemptEnd = { kind: 'silence', at: entry.at, message: 'the machine fell silent' };
    const before =
      last === undefined || last.end !== undefined
        ? attempts
        : [...attempts.slice(0, -1), { ...last, end: silent }];
    return [...before, started];
  }
  if (last === undefined || entry.claim !== last.claim || last.end !== undefined) return attempts;
  return [...attempts.slice(0, -1), continued(last, entry)];
}

function continued(attempt: Attempt, entry: JournalEntry): Attempt {
  const { kind, at } = entry;
  if (kind === 'restored') return { ...attempt, restoredStep: entry.step, restoredAt: at };
  if (kind === 'checkpoint') {
    return { ...attempt, commits: [...attempt.commits, { step: entry.step, at }] };
  }
  const end = endOf(entry);
  return end === undefined ? attempt : { ...attempt, end };
}

function endOf(entry: JournalEntry): AttemptEnd | undefined {
  const { kind, at } = entry;
  if (kind === 'released') return { kind: entry.cause, at, message: entry.notice ?? entry.message };
  if (kind === 'completed') return { kind, at, message: entry.reason };
  if (kind === 'failed') return { kind, at, message: entry.message };
  if (kind === 'paused' || kind === 'cancelled') return { kind, at, message: '' };
  return undefined;
}

/**
 * For each attempt the last of its steps that counts: a later attempt that began at an earlier step did the rest again.
 * Infinity where nothing was taken back.
 */
export function keptUpTo(attempts: readonly Attempt[]): ReadonlyMap<number, number> {
  const kept = new Map<number, number>();
  let earliestStart = Number.POSITIVE_INFINITY;
  for (const attempt of attempts.toReversed()) {
    kept.set(attempt.claim, earliestStart);
    earliestStart = Math.min(earliestStart, attempt.restoredStep ?? Number.POSITIVE_INFINITY);
  }
  return kept;
}
