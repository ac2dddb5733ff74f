import { expect, test } from 'vitest';
import { runHistory } from './run-history.ts';

test('the same seed gives the same history, byte for byte', async () => {
  for (const seed of [1, 2, 3]) {
    const first = await runHistory(seed, { keepsHistory: true });
    const second = await runHistory(seed, { keepsHistory: true });
    expect(first.history.length).toBeGreaterThan(20);
    expect(second).toStrictEqual(first);
  }
});
