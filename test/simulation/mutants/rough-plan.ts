import type { Random } from '../../../lib/base/random.ts';
import { between, chanceOf, isDrawn, oneOf } from '../chance.ts';
import { type HistoryPlan, planHistory, workerName } from '../plan-history.ts';
import type { Asks, Trouble } from '../troubles.ts';

/** Machines of one place that may have a bad line. */
const machinesMax = 4;
/** From a few in a row to more than all retries of several requests: whoever is in the middle of something must give it up. */
const refusalsMax = 120;

/**
 * What `planHistory` draws, and more of what shows a mutant: refusals in a row while a machine restores, and people who
 * ask at the very same time.
 */
export function roughPlan(seed: number): HistoryPlan {
  const plan = planHistory(seed);
  const random = chanceOf(seed, 'rough weather');
  const troubles = [...plan.troubles, ...crowds(random, plan)];
  for (let place = 0; place < plan.places; place++) {
    for (let nth = 1; nth <= machinesMax; nth++) troubles.push(...badLine(random, workerName(place, nth)));
  }
  return { ...plan, troubles };
}

function badLine(random: Random, process: string): readonly Trouble[] {
  if (!isDrawn(random, 0.5)) return [];
  // A restore is over after some twenty requests: most lines should break down before that.
  const first = between(random, 4, isDrawn(random, 0.7) ? 25 : 150);
  const length = between(random, 6, isDrawn(random, 0.5) ? 30 : refusalsMax);
  return Array.from({ length }, (_, index) => ({
    kind: 'request' as const,
    process,
    nth: first + index,
    fault: 'unavailable' as const,
  }));
}

const crowdAsks: readonly Asks[] = [
  'pause',
  'resume',
  'resume-from',
  'retry',
  'pin',
  'pin',
  'unpin',
  'prune',
  'prune',
];

function crowds(random: Random, { jobs, calmAtMs }: HistoryPlan): readonly Trouble[] {
  const asked: Trouble[] = [];
  for (let count = between(random, 1, 4); count > 0; count--) {
    const atMs = between(random, 0, calmAtMs);
    const job = between(random, 0, jobs.length - 1);
    for (let people = between(random, 2, 6); people > 0; people--) {
      const asks = oneOf(random, crowdAsks);
      asked.push({
        kind: 'operator',
        process: `crowd-${count}.${people}`,
        atMs: atMs + between(random, 0, 400),
        job,
        asks,
        pick: between(random, 0, 9),
      });
    }
  }
  return asked;
}
