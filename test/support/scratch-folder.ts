import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** An empty folder of a test's own; `remove` takes it away with all that is in it. */
export async function scratchFolder(): Promise<{
  readonly dir: string;
  readonly remove: () => Promise<void>;
}> {
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-test-'));
  return { dir, remove: async () => rm(dir, { recursive: true, force: true }) };
}
