import type { WorkerGroups } from '../fleet/worker-groups.ts';
import type { QueueDepth } from '../queue/job-queue.ts';
import type { Region } from './region.ts';

export type Raise =
  /** An instance was asked for. */
  | { readonly outcome: 'raised'; readonly group: string; readonly desired: number; readonly max: number }
  /** Every job has a machine, or one is on its way. */
  | { readonly outcome: 'enough'; readonly group: string; readonly desired: number }
  /** The group is as large as it may be; the job waits for a machine that is done. */
  | { readonly outcome: 'at-maximum'; readonly group: string; readonly desired: number }
  /** Nothing here grows: a local region, or a store and a queue without a deployment. */
  | { readonly outcome: 'not-elastic' };

export interface RaiseOptions {
  /** Jobs that are known to be there, whatever the queue counts: it may not count a ticket yet that was just sent. @default 1 */
  readonly jobsMin?: number;
  readonly signal?: AbortSignal;
}

export interface RaisePorts {
  readonly groups: WorkerGroups;
  /** Tickets in the queue, as it counts them: approximately. */
  readonly depth: () => Promise<QueueDepth>;
}

/**
 * Asks the deployment's Auto Scaling group for one more machine if there are jobs without one: tickets that wait or are in
 * flight, less machines that are asked for already. Metrics of a queue that was silent for six hours lag by up to 15 minutes,
 * which is how long the first job would wait for the alarm.
 *
 * Never lowers: what it writes is what it read and one. Two submits at the same moment may raise by one together; the
 * scaling policy, which goes by the same sum, adds what is missing.
 * @throws TransientError, AccessDeniedError, UnfitError: the job is queued all the same, and the alarm brings a machine
 */
export async function raiseCapacity(region: Region, options: RaiseOptions = {}): Promise<Raise> {
  const { workersGroup, region: awsRegion } = region.place.deployment ?? {};
  if (workersGroup === undefined) return { outcome: 'not-elastic' };
  const { openWorkerGroups } = await import('../aws/worker-groups.ts');
  const groups = openWorkerGroups({ region: awsRegion });
  try {
    const depth = async (): Promise<QueueDepth> => (await region.queue()).depth();
    const names = { workers: workersGroup, fallback: region.place.deployment?.onDemandGroup };
    return await raiseGroup(names, { groups, depth }, options);
  } finally {
    groups.close();
  }
}

/** The decision of `raiseCapacity`, for any groups and any queue. */
export async function raiseGroup(
  names: { readonly workers: string; readonly fallback?: string | undefined },
  { groups, depth }: RaisePorts,
  { jobsMin = 1, signal }: RaiseOptions = {},
): Promise<Raise> {
  const all = names.fallback === undefined ? [names.workers] : [names.workers, names.fallback];
  const [{ visible, inFlight, delayed }, standing] = await Promise.all([depth(), groups.read(all, signal)]);
  const group = standing.find(({ name }) => name === names.workers);
  // A group that is gone is the doctor's business; a submit has done its part.
  if (group === undefined) return { outcome: 'not-elastic' };
  const { name, desired, max } = group;
  const wanted = standing.reduce((sum, one) => sum + one.desired, 0);
  const jobs = Math.max(jobsMin, visible + inFlight + delayed);
  if (jobs <= wanted) return { outcome: 'enough', group: name, desired };
  if (desired >= max) return { outcome: 'at-maximum', group: name, desired };
  await groups.setDesired(name, desired + 1, signal);
  return { outcome: 'raised', group: name, desired: desired + 1, max };
}
