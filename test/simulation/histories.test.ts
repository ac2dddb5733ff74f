import { expect, test } from 'vitest';
import { planHistory } from './plan-history.ts';
import { runHistory } from './run-history.ts';
import { shrinkHistory } from './shrink-history.ts';

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

test('a failing history is left with what makes it fail', async () => {
  const seed = 41;
  const plan = planHistory(seed);
  const culprits = plan.troubles.filter(({ kind }) => kind === 'freeze').slice(0, 2);
  const { stats } = await runHistory(seed, { plan: { ...plan, jobs: [], troubles: [], calmAtMs: 0 } });
  const shrunk = await shrinkHistory(seed, {
    plan,
    // A fault that shows only where all culprits meet.
    run: async (_, { plan: tried = plan }) => ({
      violations: culprits.every((culprit) => tried.troubles.includes(culprit))
        ? [{ invariant: 'made up', what: 'for this test', atMs: 1 }]
        : [],
      history: [],
      stats,
    }),
  });
  expect(culprits).not.toHaveLength(0);
  expect(shrunk?.plan.troubles).toStrictEqual(culprits);
  expect(shrunk?.plan).toMatchObject({ places: 1 });
  expect(shrunk?.plan.jobs).toHaveLength(1);
});
