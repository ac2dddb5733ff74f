import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { applyPatches, type Mutation } from './mutation.ts';
import { furtherMutations, plannedMutations } from './mutations.ts';

const root = resolve(import.meta.dirname, '../../..');
const all = [...plannedMutations, ...furtherMutations];

function patched({ patches }: Mutation): readonly string[] {
  return [...new Set(patches.map(({ file }) => file))].map((file) =>
    applyPatches(
      readFileSync(join(root, file), 'utf8'),
      patches.filter((patch) => patch.file === file),
    ),
  );
}

describe('the planted mutations', () => {
  it.each(all)('$name: each text stands in the source exactly once', (mutation) => {
    expect(() => patched(mutation)).not.toThrow();
  });

  it('says so when a text has gone, or stands there twice', () => {
    const patch = { file: 'a.ts', find: 'b', replace: 'c' };
    expect(() => applyPatches('a', [patch])).toThrow('stands 0 times');
    expect(() => applyPatches('b b', [patch])).toThrow('stands 2 times');
    expect(applyPatches('a b', [patch])).toBe('a c');
  });
});
