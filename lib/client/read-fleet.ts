import { NotFoundError } from '../base/errors.ts';
import type { Clock } from '../base/clock.ts';
import { instanceTags } from '../contract/worker-environment.ts';
import type { Ec2Machine, Ec2Market, OnDemandPrices, SpotPrice } from '../fleet/ec2-market.ts';
import type { GroupMachine, WorkerGroup, WorkerGroups } from '../fleet/worker-groups.ts';
import { type Ask, notedQuestions } from './noted-questions.ts';
import type { JobView } from './read-job.ts';
import { priceNow, spotCost } from './spot-cost.ts';

/** A machine and what it does. Null: not known, or not so. Plain JSON. */
export interface FleetMachine {
  readonly id: string;
  readonly type: string;
  readonly zone: string;
  readonly group: string | null;
  /** Of Auto Scaling, as `InService` or `Terminating:Wait`; `running` in a local region. */
  readonly state: string;
  readonly isHealthy: boolean;
  readonly market: 'spot' | 'on-demand' | 'local' | null;
  readonly jobId: string | null;
  readonly step: number | null;
  readonly startedAt: string | null;
  /** What the hour costs now. */
  readonly usdPerHour: number | null;
  readonly onDemandUsdPerHour: number | null;
  /** Since its launch; an estimate: prices of the machine alone, without disk and traffic. */
  readonly costUsd: number | null;
  /** Why it is about to go. */
  readonly notice: string | null;
}

export interface FleetView {
  readonly machines: readonly FleetMachine[];
  readonly groups: ReadonlyArray<Pick<WorkerGroup, 'name' | 'desired' | 'max'>>;
  /** Of all machines whose price is known. */
  readonly usdPerHour: number | null;
  readonly costUsd: number | null;
  /** What is missing above, and why, a line each. */
  readonly notes: readonly string[];
}

export interface FleetPorts {
  readonly groups: WorkerGroups;
  readonly market: Ec2Market;
  readonly prices: OnDemandPrices;
  /** @throws NotFoundError when the store knows no such job */
  readonly readJob: (jobId: string) => Promise<JobView>;
  readonly clock: Clock;
}

/** People look at a screen; a fleet of hundreds has a few pages of prices. */
const limitMs = 20_000;

/**
 * The machines of a deployment's groups with what they work on and cost. Only the groups themselves must answer; everything
 * else is null where it is refused or comes too late, and `notes` says why.
 * @throws TransientError, AccessDeniedError, UnfitError when the groups cannot be read
 */
export async function readFleet(
  groupNames: readonly string[],
  ports: FleetPorts,
  signal?: AbortSignal,
): Promise<FleetView> {
  const { market, prices, clock } = ports;
  const groups = await ports.groups.read(groupNames, signal);
  const members = groups.flatMap((group) => group.machines.map((machine) => ({ group, machine })));
  const notes: string[] = [];
  const ask = notedQuestions(notes, { clock, limitMs, signal });
  const types = [...new Set(members.map(({ machine }) => machine.type))];
  const [machines = [], onDemand = new Map<string, number>()] = await Promise.all([
    ask('instances', (limited) =>
      market.machines(
        members.map(({ machine }) => machine.id),
        limited,
      ),
    ),
    ask('On-Demand prices', (limited) => prices.of(types, limited)),
  ]);
  const since = earliest(machines);
  const spot =
    types.length === 0
      ? []
      : ((await ask('Spot prices', (limited) =>
          market.spotPrices({ types, ...(since === undefined ? {} : { since }) }, limited),
        )) ?? []);
  const jobs = await jobsOf(machines, ports, ask);
  const rows = members.map(({ group, machine }) =>
    rowOf(
      { group, machine, facts: machines.find(({ id }) => id === machine.id) },
      { spot, onDemand, jobs, now: clock.now() },
    ),
  );
  return {
    machines: rows,
    groups: groups.map(({ name, desired, max }) => ({ name, desired, max })),
    usdPerHour: sum(rows.map((row) => row.usdPerHour)),
    costUsd: sum(rows.map((row) => row.costUsd)),
    notes,
  };
}

/** The jobs that machines say they work on, by the id of the machine. The tags are for people; the journal decides. */
async function jobsOf(
  machines: readonly Ec2Machine[],
  { readJob }: FleetPorts,
  ask: Ask,
): Promise<ReadonlyMap<string, JobView>> {
  const jobs = await ask('jobs', () =>
    Promise.all(
      machines.map(async ({ id, tags }) => {
        const jobId = tags.get(instanceTags.job);
        if (jobId === undefined || jobId === '') return undefined;
        try {
          return [id, await readJob(jobId)] as const;
        } catch (error) {
          if (error instanceof NotFoundError) return undefined;
          throw error;
        }
      }),
    ),
  );
  return new Map((jobs ?? []).filter((job) => job !== undefined));
}

interface Member {
  readonly group: WorkerGroup;
  readonly machine: GroupMachine;
  readonly facts: Ec2Machine | undefined;
}

interface Knowledge {
  readonly spot: readonly SpotPrice[];
  readonly onDemand: ReadonlyMap<string, number>;
  readonly jobs: ReadonlyMap<string, JobView>;
  readonly now: Date;
}

function rowOf({ group, machine, facts }: Member, { spot, onDemand, jobs, now }: Knowledge): FleetMachine {
  const { id, type, zone, lifecycle, isHealthy } = machine;
  const onDemandUsdPerHour = onDemand.get(type) ?? null;
  const job = jobs.get(id);
  const isOwner = job?.state.claim?.instance.id === id;
  const launchedAt = facts?.launchedAt;
  const usdPerHour = facts === undefined ? null : facts.isSpot ? priceNow(machine, spot) : onDemandUsdPerHour;
  return {
    id,
    type,
    zone,
    group: group.name,
    state: lifecycle,
    isHealthy,
    market: facts === undefined ? null : facts.isSpot ? 'spot' : 'on-demand',
    jobId: isOwner ? job.state.jobId : null,
    step: isOwner ? (job.heartbeat?.step ?? numberIn(facts?.tags.get(instanceTags.step))) : null,
    startedAt: launchedAt?.toISOString() ?? null,
    usdPerHour,
    onDemandUsdPerHour,
    costUsd:
      launchedAt === undefined || facts === undefined
        ? null
        : facts.isSpot
          ? spotCost({ type, zone, from: launchedAt, to: now }, spot)
          : costAt(onDemandUsdPerHour, launchedAt, now),
    notice: noticeOf(lifecycle, isOwner ? job : undefined),
  };
}

/** An end that was announced to the job, as its last checkpoint tells, or that Auto Scaling is about to make. */
export function noticeOf(lifecycle: string, job: JobView | undefined): string | null {
  const last = job?.state.checkpoints.at(-1);
  const isOfThisAttempt = last !== undefined && last.claim === job?.state.claim?.token;
  if (isOfThisAttempt && last.reason === 'notice') return `notice; saved at step ${last.step}`;
  if (lifecycle.startsWith('Terminating')) return 'is being terminated';
  if (isOfThisAttempt && last.reason === 'rebalance')
    return `rebalance recommended; saved at step ${last.step}`;
  return null;
}

function costAt(usdPerHour: number | null, from: Date, to: Date): number | null {
  return usdPerHour === null ? null : (Math.max(0, to.getTime() - from.getTime()) / 3_600_000) * usdPerHour;
}

function earliest(machines: readonly Ec2Machine[]): Date | undefined {
  const times = machines.flatMap(({ launchedAt }) => (launchedAt === undefined ? [] : [launchedAt]));
  return times.toSorted((one, other) => one.getTime() - other.getTime())[0];
}

function numberIn(text: string | undefined): number | null {
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : null;
}

/** Null where nothing is known, so that nobody takes it for free. */
export function sum(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : known.reduce((total, value) => total + value, 0);
}
