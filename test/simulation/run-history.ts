import type { Violation } from './invariants/happening.ts';
import { type HistoryPlan, planHistory } from './plan-history.ts';
import { journalsReadTheSame } from './product-rules.ts';
import { SimulatedOperators } from './simulated-operators.ts';
import { startMachines } from './simulated-workers.ts';
import type { Trouble } from './troubles.ts';
import { SimulatedWorld } from './world.ts';

export interface HistoryOptions {
  /** What happens, in place of what the seed draws: with some of the troubles left out. @default `planHistory(seed)` */
  readonly plan?: HistoryPlan;
  /** Tell what happened, one line each. @default false */
  readonly keepsHistory?: boolean;
}

export interface History {
  /** Broken rules, the first one first; empty when everything held. */
  readonly violations: readonly Violation[];
  /** What happened, one line each; empty unless asked for. */
  readonly history: readonly string[];
  readonly stats: HistoryStats;
}

export interface HistoryStats {
  /** Virtual time, from the beginning to the end of the last job. */
  readonly virtualMs: number;
  /** Events of the timeline. */
  readonly events: number;
  readonly requests: number;
  /** Requests that suffered a fault. */
  readonly faults: number;
  /** Workers, commands and runs of reconcile. */
  readonly processes: number;
  /** Of workers, and of commands that were cut short. */
  readonly deaths: number;
  readonly entries: number;
  readonly claims: number;
  readonly checkpoints: number;
}

/** After the last trouble: the longest wait for a ticket, the longest training, and time for what dies of old wounds. */
const calmMsMax = 9 * 3_600_000;

/**
 * One history of a region: jobs are submitted, the product's own workers train them on machines that come and go, people
 * ask for this and that, and everything fails that may. Store, queue, disks, clocks and trainers are simulated in memory on
 * a virtual time, so that the seed decides it all: the same seed gives the same history, byte for byte.
 *
 * After every event the rules of `invariants/inspector.ts` are checked. The history stops at the first one that is broken.
 * From `plan.calmAtMs` on nothing goes wrong any more, and every job must come to its end.
 */
export async function runHistory(seed: number, options: HistoryOptions = {}): Promise<History> {
  const { plan = planHistory(seed), keepsHistory = false } = options;
  const world = new SimulatedWorld(plan, { keepsHistory });
  const operators = new SimulatedOperators(world);
  startMachines(world);
  const { timeline } = world;
  for (const [index, job] of plan.jobs.entries())
    timeline.after(job.submittedAtMs, () => operators.submit(index, job));
  operators.reconcileRegularly();
  for (const trouble of plan.troubles) put(trouble, { world, operators });
  await timeline.run(plan.calmAtMs, () => world.isBroken);
  const isOver = (): boolean => world.isBroken || isAtRest(world);
  for (let endMs = plan.calmAtMs; endMs < plan.calmAtMs + calmMsMax && !isOver();) {
    operators.resumeAll();
    endMs += 10 * 60_000;
    await timeline.run(endMs, isOver);
  }
  if (!world.isBroken) {
    world.inspector.end(timeline.nowMs);
    const why = await journalsReadTheSame(world);
    if (why !== undefined) world.broken('journalsReadTheSame', why);
  }
  const { requests, faults, processes, deaths, entries, claims, checkpoints } = world.counts;
  const { nowMs: virtualMs, events } = timeline;
  return {
    violations: [...world.violations, ...world.inspector.violations].toSorted(
      (left, right) => left.atMs - right.atMs,
    ),
    history: world.history,
    stats: { virtualMs, events, requests, faults, processes, deaths, entries, claims, checkpoints },
  };
}

/** Every job that was submitted has ended. */
function isAtRest({ inspector, plan }: SimulatedWorld): boolean {
  const records = [...inspector.records.values()];
  return (
    plan.jobs.every((_, index) => inspector.records.has(`job-${index}`)) &&
    records.every(
      ({ status, isUnfinishedFork }) => isUnfinishedFork || (status !== 'runnable' && status !== 'paused'),
    )
  );
}

interface Stage {
  readonly world: SimulatedWorld;
  readonly operators: SimulatedOperators;
}

/** Puts a trouble on the timeline. Those of requests come with the requests, those of machines with the machines. */
function put(trouble: Trouble, { world, operators }: Stage): void {
  const { timeline } = world;
  switch (trouble.kind) {
    case 'ticket':
      timeline.after(trouble.atMs, () => world.queue.trouble(trouble.fault, `"job-${trouble.job}"`));
      return;
    case 'outage':
      timeline.after(trouble.atMs, () => world.cutOff(trouble.of, trouble.forMs));
      return;
    case 'operator':
      timeline.after(trouble.atMs, () => operators.ask(trouble));
      return;
    case 'bit-rot':
      timeline.after(trouble.atMs, () => world.rot(trouble));
      return;
    case 'request':
    case 'death':
    case 'freeze':
    case 'clock-jump':
    case 'notice':
    case 'trainer':
  }
}
