import { expect, it } from 'vitest';
import { deferred } from '../../../lib/base/deferred.ts';
import { isPidRunning } from '../../../lib/store/process-identity.ts';
import { type ProcessGroup, spawnGroup } from '../../../job/trainer/spawn-group.ts';
import type { TrainerExit } from '../../../job/trainer/trainer.ts';
import { tempDir } from '../../support/temp-dir.ts';

interface Watched {
  readonly group: ProcessGroup;
  readonly exit: Promise<TrainerExit>;
  readonly lines: string[];
}

function run(script: string): Watched {
  const lines: string[] = [];
  const exit = deferred<TrainerExit>();
  const group = spawnGroup({
    command: process.execPath,
    args: ['-e', script],
    env: process.env,
    cwd: tempDir(),
    channel: false,
    onOutput: (_, line) => void lines.push(line),
    onExit: (how) => exit.resolve(how),
  });
  return { group, exit: exit.promise, lines };
}

/** Starts a helper that holds the program's output open, tells its number, and ends. */
const leaving = (detached: boolean): string => `
  const helper = require('node:child_process').spawn('sleep', ['60'], { detached: ${detached}, stdio: 'inherit' });
  helper.unref();
  console.log(helper.pid);
  process.exitCode = 3;
`;

it('tells the end of a program whose helper left the group and keeps its output open', async () => {
  const { exit, lines } = run(leaving(true));
  expect(await exit).toEqual({ code: 3, signal: null });
  process.kill(Number(lines[0]), 'SIGKILL');
});

it('ends the helpers of a program with it, after its last output', async () => {
  const { exit, lines } = run(leaving(false));
  expect(await exit).toEqual({ code: 3, signal: null });
  const pid = Number(lines[0]);
  expect(pid).toBeGreaterThan(0);
  await expect.poll(() => isPidRunning(pid), { timeout: 5_000 }).toBe(false);
});
