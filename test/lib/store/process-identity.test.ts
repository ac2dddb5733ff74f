import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { isRunning, ownIdentity } from '../../../lib/store/process-identity.ts';

describe('isRunning', () => {
  it('knows this process, each time with the same identity', async () => {
    const identity = await ownIdentity();
    expect(identity.pid).toBe(process.pid);
    expect(await ownIdentity()).toEqual(identity);
    expect(await isRunning(identity)).toBe(true);
  });

  it('is not deceived by a number that was given again', async () => {
    expect(await isRunning({ ...(await ownIdentity()), startedAt: '1' })).toBe(false);
  });

  it('knows the dead', async () => {
    const child = spawn(process.execPath, ['-e', '0']);
    await once(child, 'close');
    expect(await isRunning({ ...(await ownIdentity()), pid: child.pid ?? 0 })).toBe(false);
  });

  it.runIf(process.platform === 'linux')('counts a zombie among the dead', async () => {
    // The shell starts a child that ends at once, then becomes a program that never collects it.
    const parent = spawn('sh', ['-c', 'sh -c "echo \\$\\$" & exec sleep 30'], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const [line]: unknown[] = await once(parent.stdout, 'data');
    const pid = Number(String(line));
    const stat = async (): Promise<string> => readFile(`/proc/${pid}/stat`, 'utf8');
    while (!/\) Z /.test(await stat())) await new Promise(setImmediate);
    const startedAt = (await stat()).split(') ')[1]?.split(' ')[19] ?? '';
    expect(await isRunning({ ...(await ownIdentity()), pid, startedAt })).toBe(false);
    parent.kill('SIGKILL');
  });
});
