import type { Instance, JournalEntry } from '../contract/journal-entry.ts';
import { foldEntry, initialState } from '../journal/fold.ts';
import type { JobState } from '../journal/job-state.ts';

/** A checkpoint of an attempt. */
export interface Mark {
  readonly step: number;
  /** When its state was of that step: its commit less its way to the store. */
  readonly takenAtMs: number;
}

/** One claim in milliseconds, as far as the journal tells. */
export interface AttemptTimes {
  readonly claim: number;
  readonly instance: Instance;
  readonly fromMs: number;
  /** Its last entry; of a silent one the claim of its successor. Never before what it is measured by. */
  readonly toMs: number;
  readonly isSilent: boolean;
  /** False while it goes on. */
  readonly isClosed: boolean;
  /** Undefined where it never came to train. */
  readonly restored: { readonly atMs: number; readonly step: number; readonly elapsedMs: number } | undefined;
  readonly marks: readonly Mark[];
  /** The last step that is known of: told at its end, by a checkpoint, or heard by its successor. */
  readonly lastStep: number;
  /** Its last entry or mark. */
  readonly lastHeardMs: number;
}

/** Time in which nobody worked on the job. */
export interface Gap {
  readonly kind: 'waiting' | 'paused';
  readonly fromMs: number;
  readonly toMs: number;
}

export interface CollectedAttempts {
  readonly attempts: readonly AttemptTimes[];
  readonly gaps: readonly Gap[];
  readonly fromMs: number;
  readonly untilMs: number;
}

/** Attempts and what lies between them; together they cover the time from `submitted` to the end, or to `nowMs`. */
export function collectAttempts(entries: readonly JournalEntry[], nowMs: number): CollectedAttempts {
  const collector = new Collector();
  let state = initialState('');
  for (const entry of entries) {
    const after = foldEntry(state, entry);
    // What every reader passes over tells nothing of time either.
    if (after.ignored.count === state.ignored.count) collector.add(entry, state, after);
    state = after;
  }
  return collector.end(state, nowMs);
}

class Collector {
  readonly #attempts: AttemptTimes[] = [];
  readonly #gaps: Gap[] = [];
  #open: AttemptTimes | undefined;
  #beganMs: number | undefined;
  #atMs = 0;

  add(entry: JournalEntry, before: JobState, after: JobState): void {
    const atMs = timeOf(after);
    this.#beganMs ??= atMs;
    if (entry.kind === 'claimed') {
      this.#close(atMs, { isSilent: true, step: entry.heardStep ?? 0 });
      this.#gap(before, atMs);
      // A command that made a fork or pruned is no machine: its moment is a wait, and has no price.
      if (entry.instance.type === 'operator') return;
      this.#open = {
        claim: entry.sequence,
        instance: entry.instance,
        fromMs: atMs,
        toMs: atMs,
        isSilent: false,
        isClosed: false,
        restored: undefined,
        marks: [],
        lastStep: 0,
        lastHeardMs: atMs,
      };
    } else if (this.#open !== undefined && entry.claim === this.#open.claim) {
      this.#open = continued(this.#open, entry, atMs);
      if (after.claim === null) this.#close(atMs, { isSilent: false, step: stepOf(entry) });
    } else if (this.#open === undefined) {
      this.#gap(before, atMs);
    }
    if (this.#open === undefined) this.#atMs = atMs;
  }

  end(state: JobState, nowMs: number): CollectedAttempts {
    const fromMs = this.#beganMs ?? nowMs;
    const endedMs = state.end === null ? undefined : Date.parse(state.end.at);
    const untilMs = Math.max(fromMs, endedMs ?? Math.max(nowMs, timeOf(state)));
    if (this.#open === undefined) this.#gap(state, untilMs);
    else {
      const open = this.#open;
      this.#open = undefined;
      this.#attempts.push({ ...open, toMs: Math.max(open.lastHeardMs, untilMs) });
    }
    return {
      attempts: this.#attempts.filter(
        ({ fromMs: claimedMs }) => claimedMs < untilMs || endedMs === undefined,
      ),
      gaps: this.#gaps.flatMap((gap) => clipped(gap, untilMs)),
      fromMs,
      untilMs,
    };
  }

  #close(atMs: number, how: { readonly isSilent: boolean; readonly step: number }): void {
    if (this.#open === undefined) return;
    const { lastStep } = this.#open;
    this.#attempts.push({
      ...this.#open,
      toMs: atMs,
      isSilent: how.isSilent,
      isClosed: true,
      lastStep: Math.max(lastStep, how.step),
    });
    this.#open = undefined;
    this.#atMs = atMs;
  }

  #gap({ status }: JobState, toMs: number): void {
    if (toMs <= this.#atMs || this.#beganMs === undefined) return;
    const fromMs = Math.max(this.#atMs, this.#beganMs);
    const kind =
      status === 'queued' || status === 'interrupted' || status === 'running' ? 'waiting' : 'paused';
    if (toMs > fromMs) this.#gaps.push({ kind, fromMs, toMs });
    this.#atMs = toMs;
  }
}

function continued(open: AttemptTimes, entry: JournalEntry, atMs: number): AttemptTimes {
  const heard = { ...open, lastHeardMs: atMs };
  if (entry.kind === 'restored') {
    const { step, elapsedMs } = entry;
    return { ...heard, restored: { atMs, step, elapsedMs }, lastStep: step };
  }
  if (entry.kind !== 'checkpoint') return heard;
  const earliest = open.marks.at(-1)?.takenAtMs ?? open.restored?.atMs ?? open.fromMs;
  const takenAtMs = Math.min(atMs, Math.max(earliest, atMs - entry.elapsedMs));
  return {
    ...heard,
    marks: [...open.marks, { step: entry.step, takenAtMs }],
    lastStep: Math.max(open.lastStep, entry.step),
  };
}

/** Of the entry that ends an attempt, which tells the last step. */
function stepOf(entry: JournalEntry): number {
  return 'step' in entry ? entry.step : 0;
}

function clipped(gap: Gap, untilMs: number): readonly Gap[] {
  return gap.fromMs >= untilMs ? [] : [{ ...gap, toMs: Math.min(gap.toMs, untilMs) }];
}

/** The journal's time: never going back, whatever the clocks of its writers say. */
function timeOf({ updatedAt }: JobState): number {
  return updatedAt === null ? 0 : Date.parse(updatedAt);
}
