import { expect, test } from 'vitest';
import { planHistory } from './plan-history.ts';
import { runHistory } from './run-history.ts';
import { tellHistories } from './tell-histories.ts';

/** A new part of all histories each time that this number changes; `npm run test:histories` tells thousands more. */
const firstSeed = 1;

test('the same seed gives the same history, byte for byte', async () => {
  for (const seed of [11, 12, 13]) {
    const first = await runHistory(seed, { keepsHistory: true });
    const second = await runHistory(seed, { keepsHistory: true });
    expect(first.history.length).toBeGreaterThan(20);
    expect(second.history.join('\n')).toBe(first.history.join('\n'));
    expect(second.stats).toStrictEqual(first.stats);
  }
});

test('a history depends on its seed', async () => {
  const told = await Promise.all([21, 22].map((seed) => runHistory(seed, { keepsHistory: true })));
  expect(told[0]?.history.join('\n')).not.toBe(told[1]?.history.join('\n'));
});

test('what is left out of a plan moves nothing that comes before it', async () => {
  const seed = 31;
  const plan = planHistory(seed);
  const late = plan.troubles.filter((trouble) => 'atMs' in trouble && trouble.kind === 'operator').at(-1);
  const without = { ...plan, troubles: plan.troubles.filter((trouble) => trouble !== late) };
  const [all, some] = [
    await runHistory(seed, { plan, keepsHistory: true }),
    await runHistory(seed, { plan: without, keepsHistory: true }),
  ];
  const asked = all.history.findIndex(
    (line) => late?.kind === 'operator' && line.includes(`${late.process} begins`),
  );
  expect(asked).toBeGreaterThan(0);
  expect(some.history.slice(0, asked)).toStrictEqual(all.history.slice(0, asked));
});

test('a hundred histories lose nothing', { timeout: 120_000 }, async () => {
  const { failure, stats } = await tellHistories({ firstSeed, count: 100 });
  expect(failure).toBeUndefined();
  // A simulation in which nothing happens would find nothing.
  expect(stats.entries).toBeGreaterThan(1_500);
  expect(stats.checkpoints).toBeGreaterThan(800);
  expect(stats.claims).toBeGreaterThan(300);
  expect(stats.faults).toBeGreaterThan(800);
});
