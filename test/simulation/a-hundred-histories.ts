import { expect, test } from 'vitest';
import { tellHistories } from './tell-histories.ts';

/** Two files tell a hundred each, so that both cores of a small machine have their half; `npm run test:histories` tells thousands. */
export function aHundredHistories(firstSeed: number): void {
  const name = `the histories of seeds ${firstSeed} to ${firstSeed + 99} lose nothing`;
  test(name, { timeout: 240_000 }, async () => {
    const { failure, stats } = await tellHistories({ firstSeed, count: 100 });
    expect(failure).toBeUndefined();
    // A simulation in which nothing happens would find nothing.
    expect(stats.entries).toBeGreaterThan(1_500);
    expect(stats.checkpoints).toBeGreaterThan(800);
    expect(stats.claims).toBeGreaterThan(300);
    expect(stats.deaths).toBeGreaterThan(150);
    expect(stats.faults).toBeGreaterThan(800);
  });
}
