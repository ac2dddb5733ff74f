import { EventEmitter } from 'node:events';
import { describe, expect, it, vi } from 'vitest';
import { silentLog } from '../../lib/base/log.ts';
import { defaultTimers } from '../../lib/contract/timers.ts';
import { watchInterruption } from '../../job/watch-interruption.ts';
import { imdsWorld } from '../support/imds.ts';
import { manualClock } from '../support/manual-clock.ts';

const options = { log: silentLog, timers: defaultTimers };

describe('watchInterruption', () => {
  it('watches all sources of IMDS, and signals', async () => {
    await using world = await imdsWorld();
    const signals = new EventEmitter();
    await using watch = watchInterruption({
      ...options,
      imdsEndpoint: world.server.endpoint,
      clock: world.clientClock,
      signals,
    });
    expect((await watch.readAll()).unreadable).toEqual([]);
    expect(watch.reports.map(({ name }) => name)).toEqual([
      'spot/instance-action',
      'events/recommendations/rebalance',
      'autoscaling/target-lifecycle-state',
      'events/maintenance/scheduled',
      'process signals',
    ]);
  });

  it('finds a notice by itself, at the latest with the next poll', async () => {
    await using world = await imdsWorld();
    await using watch = watchInterruption({
      ...options,
      imdsEndpoint: world.server.endpoint,
      clock: world.clientClock,
      signals: new EventEmitter(),
    });
    await watch.readAll();
    world.server.announce({ kind: 'spot-interruption', action: 'stop', inMs: 60_000 });
    // Half a second at a time, so that the answers over HTTP come long before their time limit.
    await vi.waitFor(async () => {
      await world.clientClock.advance(500);
      expect(watch.stop?.notice).toMatchObject({ kind: 'spot-interruption', action: 'stop' });
    });
  });

  it('hears a signal at once, without a poll', async () => {
    const signals = new EventEmitter();
    const clock = manualClock();
    await using watch = watchInterruption({ ...options, imdsEndpoint: undefined, clock, signals });
    const heard = new Promise<string>((resolve) => watch.onStop(({ notice }) => resolve(notice.kind)));
    await clock.advance(300);
    signals.emit('SIGTERM');
    await expect(heard).resolves.toBe('process-signal');
    expect(watch.stop?.deadline.remainingMs()).toBe(120_000);
  });

  it('watches only signals outside EC2, and gives them back when it is disposed', async () => {
    const signals = new EventEmitter();
    const watch = watchInterruption({ ...options, imdsEndpoint: undefined, clock: manualClock(), signals });
    expect(watch.reports.map(({ name }) => name)).toEqual(['process signals']);
    await watch[Symbol.asyncDispose]();
    expect(signals.eventNames()).toEqual([]);
  });
});
