import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CopiedCheckpoint } from './copied-checkpoint.ts';
import type { Divergence } from './divergence.ts';

/**
 * What the definition of exact asks for: the last checkpoints are the same files. Equal records leave only what is not in
 * them: sums of metrics, the best evaluation, why training stopped.
 */
export async function compareFinals(
  expected: CopiedCheckpoint | undefined,
  found: CopiedCheckpoint | undefined,
  { after, resumedFromStep }: Pick<Divergence, 'after' | 'resumedFromStep'>,
): Promise<Divergence | undefined> {
  if (expected === undefined || found === undefined) return undefined;
  const paths = [...new Set([...Object.keys(expected.digests), ...Object.keys(found.digests)])].toSorted();
  const all = paths.filter((path) => expected.digests[path] !== found.digests[path]);
  const [path] = all;
  if (path === undefined) return undefined;
  const component = path.endsWith('.json') ? await partOf(path, expected.dir, found.dir) : path;
  return {
    step: expected.step,
    kind: 'state',
    component,
    all: [component, ...all.slice(1)],
    expected: `SHA-256 ${expected.digests[path]?.slice(0, 12) ?? 'of nothing'}…`,
    found: `SHA-256 ${found.digests[path]?.slice(0, 12) ?? 'of nothing'}…`,
    after,
    resumedFromStep,
  };
}

/** The outermost keys of a document under which two of them differ. */
async function partOf(path: string, one: string, other: string): Promise<string> {
  const [a, b] = await Promise.all([one, other].map((dir) => readObject(join(dir, path))));
  const keys = [...new Set([...Object.keys(a ?? {}), ...Object.keys(b ?? {})])];
  const key = keys.find((name) => JSON.stringify(a?.[name]) !== JSON.stringify(b?.[name]));
  return key === undefined ? path : `${path}: ${key}`;
}

async function readObject(path: string): Promise<Record<string, unknown>> {
  const value: unknown = JSON.parse(await readFile(path, 'utf8'));
  return typeof value === 'object' && value !== null ? { ...value } : {};
}
