/** Commands of the built command line as people type them: real processes, in a folder with a region of its own. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { expect, onTestFinished } from 'vitest';

const main = join(import.meta.dirname, '..', '..', 'dist', 'cli', 'main.js');

export interface Typed {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Types `holdfast LINE` in `cwd`, and waits for its end. */
export function typed(cwd: string, line: string): Typed {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...line.split(' ')], {
    cwd,
    encoding: 'utf8',
    // A command that hangs fails its own expectation, not the whole test.
    timeout: 60_000,
    env: { ...process.env, HOLDFAST_STORE: '', HOLDFAST_QUEUE: '' },
  });
  return { code: status, out: stdout, err: stderr };
}

/** Starts a region in `cwd` that ends with the test, and waits until it says that it is there. */
export async function startRegion(cwd: string): Promise<ChildProcess> {
  const args = [main, 'local', '--heartbeat', '500ms', '--visibility', '2s'];
  const region = spawn(process.execPath, args, { cwd, stdio: ['ignore', 'pipe', 'ignore'] });
  onTestFinished(() => void region.kill('SIGKILL'));
  const [first] = await Promise.race([once(region.stdout, 'data'), once(region, 'exit')]);
  expect(String(first)).toContain('A region on this machine');
  return region;
}
