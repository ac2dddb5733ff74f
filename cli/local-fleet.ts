import { ConflictError, messageOf } from '../lib/base/errors.ts';
import { type FleetView, noticeOf } from '../lib/client/read-fleet.ts';
import { type JobView, listJobs } from '../lib/client/read-job.ts';
import { localMachines } from '../local/ask-region.ts';
import type { LocalMachine } from '../local/control-document.ts';
import type { CliContext } from './context.ts';
import { formatDuration } from './format.ts';
import { regionDir } from './region-dir.ts';
import { isUntouched, withRegion } from './with-region.ts';

/** The machines of a local region that runs, with the jobs that the store knows. */
export async function localFleet(context: CliContext): Promise<FleetView> {
  const dir = regionDir(context);
  const none: FleetView = { machines: [], groups: [], usdPerHour: null, costUsd: null, notes: [] };
  let machines: readonly LocalMachine[];
  try {
    machines = await localMachines({ dir, clock: context.clock });
  } catch (error) {
    if (!(error instanceof ConflictError)) throw error;
    return {
      ...none,
      notes: [`${messageOf(error)} \`holdfast local\` starts one; \`holdfast up\` deploys a fleet to AWS.`],
    };
  }
  const jobs = (await isUntouched(context))
    ? []
    : (await withRegion(context, (region) => listJobs(region))).jobs;
  return { ...none, machines: machines.map((machine) => rowOf(machine, jobs)) };
}

function rowOf(machine: LocalMachine, jobs: readonly JobView[]): FleetView['machines'][number] {
  const { instance, startedAt, remainingMs } = machine;
  const job = jobs.find(({ state }) => state.claim?.instance.id === instance.id);
  return {
    ...instance,
    group: null,
    state: 'running',
    isHealthy: true,
    market: 'local',
    jobId: job?.state.jobId ?? null,
    step: job === undefined ? null : (job.heartbeat?.step ?? job.state.claim?.step ?? null),
    startedAt,
    usdPerHour: null,
    onDemandUsdPerHour: null,
    costUsd: null,
    notice:
      remainingMs === null ? noticeOf('running', job) : `notice; gone in ${formatDuration(remainingMs)}`,
  };
}
