import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../lib/base/clock.ts';
import { Machine } from '../../local/machine.ts';
import { stillRunning } from '../../local/process-tree.ts';

const patient = { timeout: 10_000, interval: 20 };
let dir = '';

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'holdfast-machine-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const optionsFor = (...command: readonly string[]) => ({
  instanceId: `i-${process.pid}-${command.length}`,
  command,
  env: process.env,
  cwd: dir,
  logFile: join(dir, 'log'),
  clock: systemClock,
});

describe('Machine', () => {
  it('passes arguments to the command as they are', async () => {
    const words = ['two words', '$HOME', "it's", '*', ''];
    const machine = await Machine.start(
      optionsFor(
        process.execPath,
        '-e',
        'console.log(JSON.stringify(process.argv.slice(1)))',
        '--',
        ...words,
      ),
    );
    await expect(machine.exited).resolves.toBe(0);
    await machine.kill();
    expect(JSON.parse(readFileSync(join(dir, 'log'), 'utf8'))).toEqual(words);
  });

  it('stays on when its command has ended, until it is killed', async () => {
    const machine = await Machine.start(optionsFor('/bin/sh', '-c', 'exit 3'));
    await expect(machine.exited).resolves.toBe(3);
    expect(stillRunning([machine.pid])).toEqual([machine.pid]);
    await machine.kill();
    expect(stillRunning([machine.pid])).toEqual([]);
  });

  it('does not know how its command would have ended when it is killed first, and can be killed twice', async () => {
    const machine = await Machine.start(optionsFor('/bin/sh', '-c', 'sleep 600'));
    await machine.kill();
    await machine.kill();
    await expect(machine.exited).resolves.toBeUndefined();
  });

  it('leaves nothing behind when its first process was killed by somebody else', async () => {
    const machine = await Machine.start(
      optionsFor('/bin/sh', '-c', 'sleep 600 & echo $$ $! $PPID; exec sleep 600'),
    );
    const pids = (): number[] =>
      readFileSync(join(dir, 'log'), 'utf8').trim().split(' ').filter(Boolean).map(Number);
    await vi.waitFor(() => expect(pids()).toHaveLength(3), patient);
    process.kill(machine.pid, 'SIGKILL');
    // Until this process has heard of it, and has no zombie any more.
    await vi.waitFor(() => expect(() => process.kill(machine.pid, 0)).toThrow('ESRCH'), patient);
    expect(stillRunning(pids())).toHaveLength(2);
    await machine.kill();
    await vi.waitFor(() => expect(stillRunning(pids())).toEqual([]), patient);
  });

  it('takes everything with it when the process that started it is killed, also those who left its group', async () => {
    const dist = pathToFileURL(join(import.meta.dirname, '..', '..', 'dist')).href;
    const command = [
      process.execPath,
      '-e',
      `const { spawn } = require('node:child_process');
       const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { detached: true, stdio: 'ignore' });
       console.log(process.pid + ' ' + child.pid);
       setInterval(() => {}, 1000);`,
    ];
    const owner = spawn(
      process.execPath,
      [
        '--input-type=module',
        '-e',
        `import { Machine } from '${dist}/local/machine.js';
         import { systemClock } from '${dist}/lib/base/clock.js';
         const options = ${JSON.stringify({ ...optionsFor(...command), clock: undefined, env: undefined })};
         const machine = await Machine.start({ ...options, env: process.env, clock: systemClock });
         setInterval(() => machine.pid, 1000);`,
      ],
      { stdio: ['ignore', 'inherit', 'inherit'] },
    );
    const pids = await vi.waitFor(() => {
      const match = /^(\d+) (\d+)\n/.exec(readFileSync(join(dir, 'log'), 'utf8'));
      return match?.slice(1).map(Number) ?? expect.fail('not yet');
    }, patient);
    expect(stillRunning(pids)).toEqual(pids);
    owner.kill('SIGKILL');
    await once(owner, 'exit');
    const [worker = 0] = pids;
    // Only Linux shows whose child a process was that has a group of its own; elsewhere it notices its closed channel itself.
    const doomed = process.platform === 'linux' ? pids : [worker];
    try {
      await vi.waitFor(() => expect(stillRunning(doomed)).toEqual([]), patient);
    } finally {
      for (const pid of stillRunning(pids)) process.kill(pid, 'SIGKILL');
    }
  });
});
