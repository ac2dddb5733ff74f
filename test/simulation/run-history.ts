import type { Violation } from './invariants/happening.ts';
import { type HistoryPlan, planHistory } from './plan-history.ts';
import { SimulatedOperators } from './simulated-operators.ts';
import { SimulatedWorkers } from './simulated-workers.ts';
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
  readonly processes: number;
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
  const workers = new SimulatedWorkers(world);
  const { timeline } = world;
  for (const [index, job] of plan.jobs.entries())
    timeline.after(job.submittedAtMs, () => operators.submit(index, job));
  operators.reconcileRegularly();
  for (const trouble of plan.troubles) put(trouble, { world, operators, workers });
  await timeline.run(plan.calmAtMs, () => world.isBroken);
  const isOver = (): boolean => world.isBroken || isAtRest(world);
  for (let endMs = plan.calmAtMs; endMs < plan.calmAtMs + calmMsMax && !isOver();) {
    operators.resumeAll();
    endMs += 10 * 60_000;
    await timeline.run(endMs, isOver);
  }
  if (!world.isBroken) world.inspector.end(timeline.nowMs);
  const { requests, faults, processes, entries, claims, checkpoints } = world.counts;
  const { nowMs: virtualMs, events } = timeline;
  return {
    violations: [...world.violations, ...world.inspector.violations].toSorted(
      (left, right) => left.atMs - right.atMs,
    ),
    history: world.history,
    stats: { virtualMs, events, requests, faults, processes, entries, claims, checkpoints },
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
  readonly workers: SimulatedWorkers;
}

/** Puts a trouble on the timeline; those of requests come with the requests. */
function put(trouble: Trouble, { world, operators, workers }: Stage): void {
  const { timeline } = world;
  if (trouble.kind === 'request') return;
  timeline.after(trouble.atMs, () => {
    switch (trouble.kind) {
      case 'death': {
        const process = world.process(trouble.process);
        process?.die();
        return process !== undefined;
      }
      case 'freeze':
        if (world.process(trouble.process) === undefined) return false;
        world.note(`${trouble.process} stands still for ${trouble.forMs} ms`);
        world.process(trouble.process)?.freeze(trouble.forMs, trouble);
        return true;
      case 'clock-jump':
        world.process(trouble.process)?.jump(trouble.byMs);
        return true;
      case 'notice': {
        const machine = workers.machine(trouble.process);
        if (machine === undefined) return false;
        const { notice, killedAfterMs } = trouble;
        world.note(`${trouble.process} is told of ${notice}, to be killed after ${killedAfterMs} ms`);
        machine.announce(notice, 120_000);
        if (killedAfterMs !== undefined)
          timeline.after(killedAfterMs, () => world.process(trouble.process)?.die());
        return true;
      }
      case 'trainer':
        world.note(`the trainer of ${trouble.process}: ${trouble.trouble}`);
        workers.machine(trouble.process)?.trouble(trouble.trouble);
        return true;
      case 'ticket':
        return world.queue.trouble(trouble.fault, `"job-${trouble.job}"`);
      case 'operator':
        world.note(`somebody asks to ${trouble.asks} job-${trouble.job}`);
        operators.ask(trouble);
        return true;
      case 'bit-rot':
        return true;
    }
  });
}
