import type { Violation } from './invariants/happening.ts';
import { type HistoryPlan, planHistory } from './plan-history.ts';
import { type History, type HistoryOptions, runHistory } from './run-history.ts';
import { describeTrouble, type Trouble } from './troubles.ts';

export interface ShrinkOptions {
  /** What the history is made of. @default `planHistory(seed)` */
  readonly plan?: HistoryPlan;
  /** Histories that may be told on the way. @default 400 */
  readonly runsMax?: number;
  /** Tells a history. @default `runHistory` */
  readonly run?: (seed: number, options: HistoryOptions) => Promise<History>;
}

export interface Shrunk {
  readonly plan: HistoryPlan;
  readonly violation: Violation;
  readonly history: readonly string[];
  readonly runs: number;
}

/**
 * Leaves out as much of a failing history as it can without losing the broken rule: troubles by halves, quarters and at
 * last one by one, then jobs and machines. Undefined when nothing is broken.
 */
export async function shrinkHistory(seed: number, options: ShrinkOptions = {}): Promise<Shrunk | undefined> {
  const { runsMax = 400, run = runHistory } = options;
  let plan = options.plan ?? planHistory(seed);
  const first = await run(seed, { plan });
  const [violation] = first.violations;
  if (violation === undefined) return undefined;
  let runs = 1;
  const stillFails = async (candidate: HistoryPlan): Promise<boolean> => {
    if (runs >= runsMax) return false;
    runs++;
    const { violations } = await run(seed, { plan: candidate });
    return violations[0]?.invariant === violation.invariant;
  };
  for (
    let part = Math.ceil(plan.troubles.length / 2);
    part >= 1;
    part = part === 1 ? 0 : Math.ceil(part / 2)
  ) {
    for (let at = 0; at < plan.troubles.length;) {
      const troubles = plan.troubles.filter((_, index) => index < at || index >= at + part);
      const candidate = { ...plan, troubles };
      if (await stillFails(candidate)) plan = candidate;
      else at += part;
    }
  }
  for (const smaller of [fewerJobs, fewerPlaces]) {
    for (let candidate = smaller(plan); candidate !== undefined; candidate = smaller(plan)) {
      if (!(await stillFails(candidate))) break;
      plan = candidate;
    }
  }
  const told: History = await run(seed, { plan, keepsHistory: true });
  return { plan, violation: told.violations[0] ?? violation, history: told.history, runs };
}

const fewerJobs = (plan: HistoryPlan): HistoryPlan | undefined =>
  plan.jobs.length > 1 ? { ...plan, jobs: plan.jobs.slice(0, -1) } : undefined;

const fewerPlaces = (plan: HistoryPlan): HistoryPlan | undefined =>
  plan.places > 1 ? { ...plan, places: plan.places - 1 } : undefined;

/** Lines of a shrunk history that are shown: the last ones tell what broke. */
const linesMax = 120;

/** How a history is told again. */
export function replayOf(seed: number, { isRough }: { readonly isRough: boolean }): string {
  return `Again: ${isRough ? 'HOLDFAST_ROUGH=1 ' : ''}HOLDFAST_SEED=${seed} npm run test:histories`;
}

/** For whoever has to find the fault: what was planned, what happened, what broke, and how to see it again. */
export function describeShrunk(
  { plan, violation, history, runs }: Shrunk,
  { seed, isRough = false }: { readonly seed: number; readonly isRough?: boolean },
): string {
  const left = history.length - linesMax;
  return [
    `seed ${seed} breaks ${violation.invariant} after ${(violation.atMs / 1_000).toFixed(3)} s: ${violation.what}`,
    '',
    `Of what was planned this is enough (${runs} histories were told to find out):`,
    `  ${plan.jobs.length} jobs, ${plan.places} machines at a time, stale handles are ${plan.staleHandles}`,
    ...plan.troubles.map((trouble: Trouble) => `  ${describeTrouble(trouble)}`),
    '',
    ...(left > 0 ? [`  … ${left} lines before`] : []),
    ...history.slice(-linesMax).map((line) => `  ${line}`),
    '',
    replayOf(seed, { isRough }),
  ].join('\n');
}
