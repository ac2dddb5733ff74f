import { type Clock, pause, systemClock } from '../lib/base/clock.ts';
import { defined } from '../lib/base/assert.ts';
import { messageOf, UsageError } from '../lib/base/errors.ts';
import { jsonLog, type Log } from '../lib/base/log.ts';
import { systemRandom } from '../lib/base/random.ts';
import { reconcile, type ReconcileReport } from '../lib/client/reconcile.ts';
import { openRegion, type Region } from '../lib/client/region.ts';
import { fleetMetricsDimension, fleetMetricsLine } from '../lib/contract/fleet-metrics.ts';
import { defaultTimers } from '../lib/contract/timers.ts';
import { workerEnvironment } from '../lib/contract/worker-environment.ts';

/** What a run of the scheduled function answers. */
export interface ReconcileCounts {
  readonly visited: number;
  readonly isComplete: boolean;
  readonly running: number;
  readonly waiting: number;
  readonly ticketed: number;
  readonly settled: number;
  readonly pruned: number;
  readonly troubles: number;
}

export interface ReconcileFunctionPorts {
  readonly region: Region;
  readonly deployment: string;
  readonly clock: Clock;
  /** Until the function is ended from outside. */
  readonly remainingMs: number;
  /** One line of the function's log, newline included. */
  readonly write: (line: string) => void;
}

/** Jobs that are under way when time is nearly over are finished: each retries for 13 s at most, a few times. */
const marginMs = 60_000;
/** Of a shorter time this part goes to new jobs. */
const partForWork = 0.5;

/**
 * Reconciles once, prints the fleet's metrics as one line of the embedded metric format, and names every job that could
 * not be tended to.
 * @throws AggregateError at the very end, so that the function's own error metric shows that something needs a person
 */
export async function runReconcileFunction(ports: ReconcileFunctionPorts): Promise<ReconcileCounts> {
  const { region, deployment, clock, remainingMs, write } = ports;
  const workMs = Math.max(remainingMs - marginMs, remainingMs * partForWork);
  const outOfTime = new AbortController();
  const finished = new AbortController();
  const limit = pause(clock, workMs, finished.signal).then((isOver) => {
    if (isOver) outOfTime.abort(new Error('the time of the function is nearly over'));
  });
  try {
    const report = await reconcile(region, { signal: outOfTime.signal });
    write(`${fleetMetricsLine({ deployment, at: clock.now(), values: metricsOf(report) })}\n`);
    tell(jsonLog({ clock, write }), report);
    throwTroubles(report);
    return countsOf(report);
  } finally {
    finished.abort();
    await limit;
  }
}

/** What AWS Lambda calls on a schedule. Two at once, or one that is cut short and called again, do no harm. */
export async function handler(
  _event?: unknown,
  invocation?: { getRemainingTimeInMillis(): number },
): Promise<ReconcileCounts> {
  const [store, queue] = [fromEnvironment(workerEnvironment.store), fromEnvironment(workerEnvironment.queue)];
  const region = await openRegion(
    { store, queue, origin: 'environment', timers: defaultTimers },
    { clock: systemClock, random: systemRandom },
  );
  try {
    return await runReconcileFunction({
      region,
      deployment: process.env[fleetMetricsDimension.environment] ?? 'holdfast',
      clock: systemClock,
      remainingMs: invocation?.getRemainingTimeInMillis() ?? longestRunMs,
      write: (line) => void process.stdout.write(line),
    });
  } finally {
    await region.close();
  }
}

/** Longest run of a function on Lambda. */
const longestRunMs = 900_000;

function fromEnvironment(name: string): string {
  const value = process.env[name];
  if (value === undefined || value === '')
    throw new UsageError(`${name} is not set.`, { hint: 'The stack sets it on the scheduled function.' });
  return value;
}

function metricsOf(report: ReconcileReport): Parameters<typeof fleetMetricsLine>[0]['values'] {
  return {
    runningJobs: report.running,
    waitingJobs: report.waiting.length,
    longestWait: report.longestWaitMs / 1_000,
    oldestCheckpointAge: report.oldestCheckpointAgeMs / 1_000,
    ticketsRepaired: report.ticketed.length,
    failedJobs: report.failed,
  };
}

function tell(log: Log, report: ReconcileReport): void {
  const { ticketed, settled, pruned, troubles, isComplete, visited } = report;
  for (const { jobId, message, remedy } of troubles) log.error('job-not-tended', { jobId, message, remedy });
  if (!isComplete) log.warn('out-of-time', { visited });
  log.info('reconciled', { visited, ticketed, settled, pruned });
}

/** A job of a newer Holdfast is for a newer function, and no trouble of this deployment. */
function throwTroubles({ troubles }: ReconcileReport): void {
  const errors = troubles.filter(({ remedy }) => remedy !== 'yield').map(({ error }) => error);
  if (errors.length === 0) return;
  throw new AggregateError(
    errors,
    `${errors.length} ${errors.length === 1 ? 'job' : 'jobs'} could not be tended to, the first because ${messageOf(defined(errors[0], 'there is one'))}`,
  );
}

function countsOf(report: ReconcileReport): ReconcileCounts {
  const { visited, isComplete, running, waiting, ticketed, settled, pruned, troubles } = report;
  return {
    visited,
    isComplete,
    running,
    waiting: waiting.length,
    ticketed: ticketed.length,
    settled: settled.length,
    pruned: pruned.length,
    troubles: troubles.length,
  };
}
