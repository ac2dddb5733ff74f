import { EventEmitter } from 'node:events';
import { delimiter, dirname } from 'node:path';
import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { type CdkPorts, runCdk } from '../../../cli/deploy/run-cdk.ts';
import { systemClock } from '../../../lib/base/clock.ts';
import { manualClock } from '../../support/manual-clock.ts';

const call = { cdk: { version: '2.1148.1', file: '/cdk/bin/cdk' }, cwd: '/work', args: ['diff'] };

/** A process that does only what it is told. */
class FakeChild extends EventEmitter {
  readonly stdout = new PassThrough();
  readonly stderr = new PassThrough();
  readonly signals: string[] = [];
  onSignal: (signal: string) => void = () => {};
  kill(signal: string): boolean {
    this.signals.push(signal);
    this.onSignal(signal);
    return true;
  }
}

function started(ports: Partial<CdkPorts> = {}) {
  const child = new FakeChild();
  const calls: unknown[][] = [];
  const said: string[] = [];
  const spawn = (...args: unknown[]): FakeChild => {
    calls.push(args);
    return child;
  };
  const running = runCdk(call, {
    env: { AWS_PROFILE: 'work', PATH: '/bin' },
    clock: systemClock,
    signal: new AbortController().signal,
    onText: (text) => said.push(text),
    ...ports,
    spawn: spawn as unknown as NonNullable<CdkPorts['spawn']>,
  });
  return { child, calls, said, running };
}

describe('runCdk', () => {
  it('starts the CDK without a keyboard, and hands on what it says from both streams', async () => {
    const { child, calls, said, running } = started();
    child.stderr.write('\u001B[31mred\u001B[39m ');
    child.stdout.write('plain');
    await new Promise((resolve) => setImmediate(resolve));
    child.emit('close', 1);
    expect(await running).toEqual({ code: 1, text: expect.stringMatching(/^(?:red plain|plainred )$/) });
    expect(said.join('')).toContain('\u001B[31m');
    expect(calls).toEqual([
      [
        process.execPath,
        ['/cdk/bin/cdk', 'diff'],
        expect.objectContaining({ cwd: '/work', stdio: ['ignore', 'pipe', 'pipe'] }),
      ],
    ]);
    expect(Object(calls[0]?.[2]).env).toMatchObject({
      AWS_PROFILE: 'work',
      JSII_DEPRECATED: 'quiet',
      PATH: `${dirname(process.execPath)}${delimiter}/bin`,
    });
  });

  it('keeps the end of what it says, however much that is', async () => {
    const { child, running } = started();
    child.stdout.write('x'.repeat(1_200_000));
    child.stdout.write('the end');
    await new Promise((resolve) => setImmediate(resolve));
    child.emit('close', 0);
    const { text } = await running;
    expect(text).toHaveLength(1_000_000);
    expect(text.endsWith('the end')).toBe(true);
  });

  it('kills a CDK that does not end when it is interrupted', async () => {
    const clock = manualClock();
    const keyboard = new AbortController();
    const { child, running } = started({ clock, signal: keyboard.signal });
    child.onSignal = (signal) => {
      if (signal === 'SIGKILL') child.emit('close', null);
    };
    const ended = expect(running).rejects.toThrow('Ctrl-C');
    keyboard.abort(new Error('Ctrl-C'));
    expect(child.signals).toEqual(['SIGINT']);
    await clock.advance(10_000);
    await ended;
    expect(child.signals).toEqual(['SIGINT', 'SIGKILL']);
  });

  it('starts nothing once it is interrupted', async () => {
    const { calls, running } = started({ signal: AbortSignal.abort(new Error('Ctrl-C')) });
    await expect(running).rejects.toThrow('Ctrl-C');
    expect(calls).toEqual([]);
  });

  it('says so when the CDK cannot be started', async () => {
    const { child, running } = started();
    child.emit('error', new Error('ENOMEM'));
    await expect(running).rejects.toThrow('could not be started');
  });
});
