import { pause } from '../base/clock.ts';
import type { JournalEntry } from '../contract/journal-entry.ts';
import type { LogLine } from '../contract/segments.ts';
import type { Journal } from '../journal/journal.ts';
import { isFinished } from '../journal/status.ts';
import { type Attempt, type AttemptEnd, attemptsOf, keptUpTo } from './attempts.ts';
import { markLost, readLog } from './read-segments.ts';
import type { Region } from './region.ts';

export type LogEvent =
  | ({ readonly kind: 'line'; readonly claim: number; readonly lost: boolean } & LogLine)
  /** Between two attempts: how the one ended, and where the other began. */
  | {
      readonly kind: 'ruler';
      readonly claim: number;
      readonly at: string;
      readonly end: AttemptEnd;
      readonly resumedFromStep: number | null;
      readonly worker: string;
    };

export interface StreamLogsOptions {
  /** Go on until the job ends. @default false */
  readonly follow?: boolean;
  /** Ends the stream quietly. */
  readonly signal?: AbortSignal;
  /** Between two looks. Segments come at most twice as often as heartbeats. @default the region's segment time */
  readonly pollMs?: number;
}

/** The output of all attempts as one stream, in the order of the attempts. */
export async function* streamLogs(
  region: Region,
  journal: Journal,
  options: StreamLogsOptions = {},
): AsyncGenerator<LogEvent> {
  const { follow = false, signal = new AbortController().signal } = options;
  const pollMs = options.pollMs ?? region.timers.segmentMs;
  const reader = new LogReader(region, journal, follow);
  for (;;) {
    const isOver = isFinished((await journal.refresh()).status);
    yield* reader.read();
    if (!follow || signal.aborted) return;
    if (!(await pause(region.clock, pollMs, signal))) return;
    if (!isOver) continue;
    // The last segment may follow the entry that ended the job.
    yield* reader.read();
    return;
  }
}

class LogReader {
  readonly #region: Region;
  readonly #journal: Journal;
  readonly #follow: boolean;
  readonly #entries: JournalEntry[] = [];
  /** Key of the last segment read, for each claim. */
  readonly #read = new Map<number, string>();
  readonly #introduced = new Set<number>();

  constructor(region: Region, journal: Journal, follow: boolean) {
    this.#region = region;
    this.#journal = journal;
    this.#follow = follow;
  }

  async *read(): AsyncGenerator<LogEvent> {
    const after = this.#entries.at(-1)?.sequence;
    for await (const entry of this.#journal.entries(after === undefined ? {} : { after })) {
      this.#entries.push(entry);
    }
    const attempts = attemptsOf(this.#entries);
    const limits = keptUpTo(attempts);
    for (const [index, attempt] of attempts.entries()) {
      const before = attempts[index - 1];
      // The ruler says where the attempt began, so what it writes before its restore waits for that.
      if (this.#follow && before !== undefined && !hasBegun(attempt)) return;
      yield* this.#introduce(attempt, before);
      yield* this.#linesOf(attempt, limits.get(attempt.claim) ?? Number.POSITIVE_INFINITY);
    }
  }

  *#introduce(attempt: Attempt, before: Attempt | undefined): Generator<LogEvent> {
    if (this.#introduced.has(attempt.claim)) return;
    this.#introduced.add(attempt.claim);
    if (before?.end === undefined) return;
    yield {
      kind: 'ruler',
      claim: attempt.claim,
      at: attempt.startedAt,
      end: before.end,
      resumedFromStep: attempt.restoredStep ?? null,
      worker: attempt.instance.id,
    };
  }

  async *#linesOf(attempt: Attempt, keptStep: number): AsyncGenerator<LogEvent> {
    const { claim } = attempt;
    const { jobId } = this.#journal;
    const after = this.#read.get(claim);
    const { lines, last } = await readLog(this.#region.store, { jobId, claim }, { after });
    if (last !== undefined) this.#read.set(claim, last);
    for (const line of markLost(attempt, keptStep, lines)) yield { kind: 'line', claim, ...line };
  }
}

const hasBegun = (attempt: Attempt): boolean =>
  attempt.restoredStep !== undefined || attempt.end !== undefined;
