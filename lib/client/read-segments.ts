import { objectKeys } from '../contract/object-keys.ts';
import {
  type LogLine,
  logLineSchema,
  type MetricPoint,
  metricPointSchema,
  parseSegment,
} from '../contract/segments.ts';
import type { ObjectStore } from '../store/object-store.ts';
import { type Attempt, keptUpTo } from './attempts.ts';

export interface ReadSegmentsOptions {
  /** Key of the last segment that was read before. */
  readonly after?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface Segments<Line> {
  readonly lines: readonly Line[];
  /** Pass as `after` to go on from here. */
  readonly last: string | undefined;
}

/** The log lines of one attempt, oldest first. */
export function readLog(
  store: ObjectStore,
  attempt: { readonly jobId: string; readonly claim: number },
  options: ReadSegmentsOptions = {},
): Promise<Segments<LogLine>> {
  const prefix = objectKeys.logSegments(attempt.jobId, attempt.claim);
  return readAll({ store, prefix, parse: (bytes, at) => parseSegment(logLineSchema, bytes, at) }, options);
}

/** The reports of progress of one attempt, oldest first. */
export function readMetrics(
  store: ObjectStore,
  attempt: { readonly jobId: string; readonly claim: number },
  options: ReadSegmentsOptions = {},
): Promise<Segments<MetricPoint>> {
  const prefix = objectKeys.metricSegments(attempt.jobId, attempt.claim);
  return readAll(
    { store, prefix, parse: (bytes, at) => parseSegment(metricPointSchema, bytes, at) },
    options,
  );
}

async function readAll<Line>(
  source: {
    readonly store: ObjectStore;
    readonly prefix: string;
    readonly parse: (bytes: Uint8Array, at: string) => Line[];
  },
  { after, signal }: ReadSegmentsOptions,
): Promise<Segments<Line>> {
  const { store, prefix, parse } = source;
  const reading = signal === undefined ? {} : { signal };
  const lines: Line[] = [];
  let last = after;
  let from = after;
  do {
    const page = await store.list(prefix, { ...reading, ...(from === undefined ? {} : { after: from }) });
    for (const { key } of page.objects) {
      const object = await store.get(key, reading);
      if (object !== undefined) for (const line of parse(object.body, key)) lines.push(line);
      last = key;
    }
    from = page.next;
  } while (from !== undefined);
  return { lines, last };
}

/** A curve across interruptions: each step once, and what was taken back kept apart. */
export interface MergedMetrics {
  /** In order of steps; no step twice. */
  readonly kept: readonly (MetricPoint & { readonly claim: number })[];
  /** In order of attempts: progress that a resume took back. */
  readonly lost: readonly (MetricPoint & { readonly claim: number })[];
}

/** Cuts the curve of each attempt at the committed step that a later one began from. */
export function mergeMetrics(
  attempts: readonly Attempt[],
  pointsOf: (claim: number) => readonly MetricPoint[],
): MergedMetrics {
  const limits = keptUpTo(attempts);
  const all = attempts.flatMap(({ claim }) => pointsOf(claim).map((point) => ({ ...point, claim })));
  const isKept = (point: { readonly claim: number; readonly step: number }): boolean =>
    point.step <= (limits.get(point.claim) ?? Number.POSITIVE_INFINITY);
  return { kept: all.filter(isKept), lost: all.filter((point) => !isKept(point)) };
}

/**
 * The first instant of an attempt whose output was taken back, for lines that name no step: when the checkpoint that the
 * resume began from had become durable; the attempt's own start where it began beyond that checkpoint.
 */
export function lostSince(attempt: Attempt, keptStep: number): string | undefined {
  if (keptStep === Number.POSITIVE_INFINITY) return undefined;
  if (attempt.restoredStep === undefined) return undefined;
  const commit = attempt.commits.findLast(({ step }) => step <= keptStep);
  return commit?.at ?? attempt.restoredAt;
}

/** Marks the lines of an attempt that a later one took back. The supervisor's own lines are facts about the world and stay. */
export function markLost(
  attempt: Attempt,
  keptStep: number,
  lines: readonly LogLine[],
): readonly (LogLine & { readonly lost: boolean })[] {
  const since = lostSince(attempt, keptStep);
  return lines.map((line) => {
    const isBeyond = line.step === undefined ? since !== undefined && line.at > since : line.step > keptStep;
    return { ...line, lost: line.stream !== 'worker' && isBeyond };
  });
}
