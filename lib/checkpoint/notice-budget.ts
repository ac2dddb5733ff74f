/** How long training may go on after a notice, and how long a save will take. Pure: all times come from outside. */

/**
 * Measured times vary: half as much again covers a flush that shares its network with another job's. The reserve is for
 * the commit itself, the hand-over and the new ticket after the bytes are durable.
 */
const careful = { factor: 1.5, reserveMs: 5_000 };
/** Once a checkpoint since the notice is durable, a last one that comes too late costs seconds of training and no more. */
const secured = { factor: 1.1, reserveMs: 2_500 };
/** A save at the notice pays when a second one follows well behind it. */
const flushesAhead = 2;

export interface NoticeBudget {
  /** From now to the deadline, on the monotonic clock. */
  readonly remainingMs: number;
  /** Expected time from the request of a checkpoint to its commit; undefined when none was measured yet. */
  readonly flushMs: number | undefined;
  /** Longest recent time between two points at which the trainer answers. */
  readonly longestGapMs: number;
  /** A checkpoint that was taken since the notice is durable. @default false */
  readonly isSecured?: boolean;
}

/**
 * Milliseconds to train on before the last checkpoint is asked for: `deadline − (1.5 × (flush + longest gap) + 5 s)`, and
 * with less margin once something was saved since the notice. 0 means at once: too little is left, or nothing has been
 * measured. Never negative.
 */
export function flushDueInMs({
  remainingMs,
  flushMs,
  longestGapMs,
  isSecured = false,
}: NoticeBudget): number {
  if (flushMs === undefined) return 0;
  const { factor, reserveMs } = isSecured ? secured : careful;
  return Math.max(0, remainingMs - (factor * (flushMs + longestGapMs) + reserveMs));
}

/**
 * Whether to save as soon as the notice comes, besides the last checkpoint: a machine may be taken before its deadline,
 * and what is durable by then is all that is left.
 */
export function savesAtNotice(budget: NoticeBudget): boolean {
  const { flushMs, longestGapMs } = budget;
  return flushMs !== undefined && flushDueInMs(budget) > flushesAhead * (flushMs + longestGapMs);
}

export interface FlushMeasurement {
  /** Size of the whole checkpoint, re-used chunks included: what a save that finds nothing to re-use would send. */
  readonly bytes: number;
  /** From the request to the commit. */
  readonly elapsedMs: number;
}

/** Saves looked back on: a slow network shows in one of the last five, and is forgotten within minutes once it is over. */
const measurementsKept = 5;

/**
 * What the saves so far say about the next one: the slowest of the last five. Each is scaled in proportion to a larger
 * checkpoint and never down to a smaller one, since part of every save does not depend on its size.
 */
export class FlushEstimate {
  #measurements: readonly FlushMeasurement[] = [];

  add(measurement: FlushMeasurement): void {
    this.#measurements = [...this.#measurements, measurement].slice(-measurementsKept);
  }

  /** Size of the newest checkpoint; 0 before the first. */
  get bytes(): number {
    return this.#measurements.at(-1)?.bytes ?? 0;
  }

  /** For a checkpoint as large as the newest one; undefined before the first. */
  get flushMs(): number | undefined {
    const newest = this.#measurements.at(-1);
    return newest === undefined ? undefined : this.flushMsOf(newest.bytes);
  }

  /** For a checkpoint of `bytes` bytes. */
  flushMsOf(bytes: number): number | undefined {
    if (this.#measurements.length === 0) return undefined;
    const scaled = this.#measurements.map(
      (measured) => measured.elapsedMs * Math.max(1, bytes / Math.max(1, measured.bytes)),
    );
    return Math.max(...scaled);
  }
}
