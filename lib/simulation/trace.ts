/** One slot of a Spot market over time: when it held a machine, and when it did not. Times are seconds since the trace began. */

export interface UpInterval {
  readonly fromSeconds: number;
  readonly toSeconds: number;
  /** `interrupted`: the machine was taken away. `open`: the recording ended while it was still there. */
  readonly end: 'interrupted' | 'open';
}

export interface Trace {
  /** For people: the file, and which slot of it where it holds several. */
  readonly name: string;
  readonly spanSeconds: number;
  /** In order, without overlaps, none empty. */
  readonly intervals: readonly UpInterval[];
}

/** Seconds in which the slot held a machine. */
export function upSecondsOf({ intervals }: Trace): number {
  return intervals.reduce((sum, { fromSeconds, toSeconds }) => sum + toSeconds - fromSeconds, 0);
}

/** Mean time of the intervals of all traces; undefined where there are none. */
export function meanUpSeconds(traces: readonly Trace[]): number | undefined {
  const count = traces.reduce((sum, { intervals }) => sum + intervals.length, 0);
  return count === 0 ? undefined : traces.reduce((sum, trace) => sum + upSecondsOf(trace), 0) / count;
}

/** A change of the number of machines at a moment. */
export interface CountChange {
  readonly atSeconds: number;
  readonly count: number;
}

/**
 * One trace for each slot of a number of machines that changes: slot `k` holds a machine while at least `k` are there, so
 * that the machine that came last goes first. Recordings of numbers do not say which one went.
 * @param changes in order of time
 */
export function tracesOfCounts(
  name: string,
  changes: readonly CountChange[],
  spanSeconds: number,
): readonly Trace[] {
  const slots = changes.reduce((most, { count }) => Math.max(most, count), 0);
  return Array.from({ length: slots }, (_, index) => ({
    name: slots === 1 ? name : `${name}#${index + 1}`,
    spanSeconds,
    intervals: intervalsWhere(changes, spanSeconds, ({ count }) => count > index),
  }));
}

function intervalsWhere(
  changes: readonly CountChange[],
  spanSeconds: number,
  isUp: (change: CountChange) => boolean,
): readonly UpInterval[] {
  const intervals: UpInterval[] = [];
  let since: number | undefined;
  for (const change of changes) {
    if (isUp(change)) {
      since ??= change.atSeconds;
    } else if (since !== undefined) {
      if (change.atSeconds > since)
        intervals.push({ fromSeconds: since, toSeconds: change.atSeconds, end: 'interrupted' });
      since = undefined;
    }
  }
  if (since !== undefined && spanSeconds > since)
    intervals.push({ fromSeconds: since, toSeconds: spanSeconds, end: 'open' });
  return intervals;
}
