import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { huntAll, tellQuarries } from './hunt-all.ts';
import { applyPatches, type Mutation } from './mutation.ts';
import { furtherMutations, plannedMutations } from './mutations.ts';
import { quietMutations } from './quiet-mutations.ts';

const root = resolve(import.meta.dirname, '../../..');

function patched({ patches }: Mutation): readonly string[] {
  return [...new Set(patches.map(({ file }) => file))].map((file) =>
    applyPatches(
      readFileSync(join(root, file), 'utf8'),
      patches.filter((patch) => patch.file === file),
    ),
  );
}

describe('a planted mutation', () => {
  it.each([...plannedMutations, ...furtherMutations, ...quietMutations])(
    '$name: each text stands in the source exactly once',
    (mutation) => {
      expect(() => patched(mutation)).not.toThrow();
    },
  );

  it('says so when a text has gone, or stands there twice', () => {
    const patch = { file: 'a.ts', find: 'b', replace: 'c' };
    expect(() => applyPatches('a', [patch])).toThrow('stands 0 times');
    expect(() => applyPatches('b b', [patch])).toThrow('stands 2 times');
    expect(applyPatches('a b', [patch])).toBe('a c');
  });
});

describe('simulated histories', () => {
  it('notice each of the seven mutations, and nothing in the product as it is', async () => {
    const histories = { histories: 40, budgetMs: 60_000, threads: availableParallelism() };
    const control = plannedMutations.map(({ seed }) => seed);
    const quarries = await huntAll(plannedMutations, { ...histories, control });
    expect(tellQuarries(quarries)).toEqual({ wronglyCaught: [], missed: [] });
  }, 120_000);
});
