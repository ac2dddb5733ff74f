import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { root } from '../support/house/source-tree.ts';

/** Starts the process as systemd does. */
function start(env: Readonly<Record<string, string>>) {
  const child = spawn(process.execPath, [join(root, 'dist', 'job', 'after-exit.js')], {
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  return { child, exit: once(child, 'exit'), told: once(child.stderr, 'data'), said: () => said };
}

const group = { HOLDFAST_AUTO_SCALING_GROUP: 'workers', AWS_REGION: 'eu-west-1' };

describe('after the end of a worker the process for it', () => {
  it('has nothing to do when the worker had drained', async () => {
    const { exit, said } = start({ ...group, MONITOR_SERVICE_RESULT: 'success', MONITOR_EXIT_STATUS: '0' });
    expect(await exit).toEqual([0, null]);
    expect(said()).toContain('"verdict":{"kind":"leave"}');
  });

  it('has nothing to do for a machine that belongs to no group', async () => {
    const { exit, said } = start({ MONITOR_SERVICE_RESULT: 'exit-code', MONITOR_EXIT_STATUS: '70' });
    expect(await exit).toEqual([0, null]);
    expect(said()).toContain('"kind":"report"');
  });

  it('waits before it gives the instance back, and does not hold up the end of the machine', async () => {
    const waiting = start({ ...group, MONITOR_SERVICE_RESULT: 'exit-code', MONITOR_EXIT_STATUS: '75' });
    await waiting.told;
    expect(waiting.said()).toContain('"afterMs":300000');
    waiting.child.kill('SIGTERM');
    expect(await waiting.exit).toEqual([null, 'SIGTERM']);
    expect(waiting.said()).not.toContain('instance-not-reported');
  });
});
