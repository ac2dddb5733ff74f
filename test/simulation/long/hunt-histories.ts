import { performance } from 'node:perf_hooks';
import { expect, test } from 'vitest';
import { roughPlan } from '../mutants/rough-plan.ts';
import { describeShrunk, shrinkHistory } from '../shrink-history.ts';
import { tellHistories } from '../tell-histories.ts';

/** In each of four files: beside that of the mutants they leave neither core of a small machine idle for long. */
const historiesEach = 500;
/** `.ci/run` has two minutes for these and the mutants; a slow or busy machine tells fewer, and says so. */
const budgetMs = 50_000;
/** Fewer than this show nothing. */
const leastEach = 25;

/**
 * Thousands of histories, each with a seed of its own: `HOLDFAST_SEED_FROM` begins elsewhere, `HOLDFAST_HISTORIES` says
 * how many for each quarter, without a limit of time then. `HOLDFAST_SEED` tells one history again, as short as it can be made;
 * with `HOLDFAST_ROUGH` that of the rough weather in which mutants are hunted.
 */
export function huntHistories(quarter: 0 | 1 | 2 | 3): void {
  const {
    HOLDFAST_SEED: seed,
    HOLDFAST_ROUGH: rough,
    HOLDFAST_SEED_FROM: from = '1000',
    HOLDFAST_HISTORIES: asked,
  } = process.env;
  if (seed !== undefined) {
    test.runIf(quarter === 0)(`the history of seed ${seed} loses nothing`, { timeout: 600_000 }, async () => {
      const isRough = rough !== undefined;
      const told = { seed: Number(seed), isRough };
      const shrunk = await shrinkHistory(told.seed, isRough ? { plan: roughPlan(told.seed) } : {});
      expect(shrunk === undefined ? undefined : describeShrunk(shrunk, told)).toBeUndefined();
    });
    return;
  }
  const count = asked === undefined ? historiesEach : Number(asked);
  const firstSeed = Number(from) + quarter * count;
  const name = `the histories of seeds ${firstSeed} to ${firstSeed + count - 1} lose nothing`;
  test(name, { timeout: asked === undefined ? 240_000 : 86_400_000 }, async () => {
    const endMs = asked === undefined ? performance.now() + budgetMs : Infinity;
    const { failure, histories, stats } = await tellHistories({
      firstSeed,
      count,
      isOver: () => performance.now() > endMs,
    });
    const hours = (stats.virtualMs / 3_600_000).toFixed(0);
    process.stdout.write(
      `${histories} of ${count} histories from seed ${firstSeed}: ${hours} virtual hours, ${stats.requests} requests, ` +
        `${stats.faults} faults, ${stats.deaths} deaths, ${stats.claims} claims, ${stats.checkpoints} checkpoints\n`,
    );
    expect(failure).toBeUndefined();
    expect(histories).toBeGreaterThanOrEqual(Math.min(count, leastEach));
  });
}
