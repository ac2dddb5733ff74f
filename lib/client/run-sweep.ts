import { resolve } from 'node:path';
import { sha256Hex } from '../base/digest.ts';
import { UsageError } from '../base/errors.ts';
import type { SavePolicySpec } from '../contract/job-spec.ts';
import { forkJob } from './fork-job.ts';
import { inspectProgram, type ProgramInfo } from './inspect-program.ts';
import type { Sweep } from './load-sweep.ts';
import type { InspectProgram } from './prepare-program.ts';
import type { Region } from './region.ts';
import { submitJob } from './submit-job.ts';
import { type SweepPoint, sweepPoints } from './sweep-points.ts';

/** Each point is a job that wants a machine: a slip in a file should not order more than a person would order by hand. */
export const pointsUnasked = 32;
/** The journal of the parent remembers each fork for a day, and is read by every worker of it. */
const pointsMax = 1_000;

export interface SweepOptions {
  /** More points than a person would order by hand are meant. @default false */
  readonly isConfirmed?: boolean;
  /** Check all points, write nothing. @default false */
  readonly dryRun?: boolean;
  readonly owner?: string | undefined;
  readonly save?: SavePolicySpec | undefined;
  readonly inspect?: InspectProgram | undefined;
  /** Called after each point. */
  readonly onPoint?: (point: StartedPoint, all: number) => void;
}

export interface StartedPoint extends SweepPoint {
  readonly outcome: 'queued' | 'repeated' | 'dry-run';
  readonly warnings: readonly string[];
}

/**
 * Makes a job of each point of a sweep: a fork, or a job that begins afresh. All points are checked before the first is
 * made. The same file again makes what is not there yet and adds nothing to what is.
 * @throws UsageError for more points than are allowed, an unknown parameter or a wrong type; ConflictError when the program
 * has changed since a point was made; and as `forkJob` and `submitJob`
 */
export async function runSweep(
  region: Region,
  sweep: Sweep,
  options: SweepOptions = {},
): Promise<readonly StartedPoint[]> {
  const { isConfirmed = false, dryRun = false, onPoint } = options;
  const points = sweepPoints(sweep.document);
  if (!dryRun) refuseTooMany(points.length, isConfirmed);
  // A process imports the program for each question; points ask the same ones.
  const inspect = remembered(options.inspect ?? inspectProgram);
  const checked: StartedPoint[] = [];
  for (const point of points) {
    const started = await startPoint(region, { ...options, sweep, point, inspect, dryRun: true });
    checked.push(started);
    if (dryRun) onPoint?.(started, points.length);
  }
  if (dryRun) return checked;
  const started: StartedPoint[] = [];
  for (const point of points) {
    const one = await startPoint(region, { ...options, sweep, point, inspect, dryRun: false });
    started.push(one);
    onPoint?.(one, points.length);
  }
  return started;
}

function refuseTooMany(count: number, isConfirmed: boolean): void {
  if (count > pointsMax)
    throw new UsageError(`a sweep has ${pointsMax} points at most, and this one has ${count}.`, {
      hint: 'Draw fewer at random, or split it.',
    });
  if (count > pointsUnasked && !isConfirmed)
    throw new UsageError(`this sweep has ${count} points, each of them a job.`, {
      hint: `--yes makes more than ${pointsUnasked}; --dry-run lists them.`,
    });
}

async function startPoint(
  region: Region,
  start: Omit<SweepOptions, 'onPoint'> & {
    readonly sweep: Sweep;
    readonly point: SweepPoint;
    readonly inspect: InspectProgram;
    readonly dryRun: boolean;
  },
): Promise<StartedPoint> {
  const { sweep, point, inspect, dryRun, owner, save } = start;
  const { document, from, folder } = sweep;
  const set = Object.fromEntries(
    Object.entries({ ...document.set, ...point.values }).map(([name, value]) => [name, String(value)]),
  );
  const { jobId, name } = point;
  const { seed, keep, program } = document;
  // Relative to the file and not to where it was typed: the same file makes the same jobs.
  const common = { jobId, name, set, seed, owner, cwd: folder, inspect, dryRun };
  const { outcome, warnings } =
    from === undefined
      ? await submitJob(region, {
          ...common,
          program: { file: resolve(folder, program ?? '') },
          ...(save === undefined ? {} : { save }),
          ...(keep === undefined ? {} : { keep }),
        })
      : await forkJob(region, {
          ...common,
          from,
          save,
          ...(keep === undefined ? {} : { keep }),
        });
  return { ...point, outcome, warnings };
}

function remembered(inspect: InspectProgram): InspectProgram {
  const known = new Map<string, Promise<ProgramInfo>>();
  return (code, options) => {
    const question = `${sha256Hex(code)} ${JSON.stringify(options?.set ?? null)}`;
    const answer = known.get(question) ?? inspect(code, options);
    known.set(question, answer);
    return answer;
  };
}
