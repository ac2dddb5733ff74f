import { describe, expect, it } from 'vitest';
import type { Clock } from '../../../lib/base/clock.ts';
import { silentLog } from '../../../lib/base/log.ts';
import { ImdsClient } from '../../../lib/interruption/imds-client.ts';
import { NoticeWatch } from '../../../lib/interruption/notice-watch.ts';
import { readInstance } from '../../../lib/interruption/read-instance.ts';
import { rebalanceRecommendation } from '../../../lib/interruption/rebalance-recommendation.ts';
import { scheduledMaintenance } from '../../../lib/interruption/scheduled-maintenance.ts';
import { spotInstanceAction } from '../../../lib/interruption/spot-instance-action.ts';
import { targetLifecycleState } from '../../../lib/interruption/target-lifecycle-state.ts';

/** What the metadata service announces. Rebalance recommendations are absent unless named. */
export type Scenario =
  | 'nothing'
  | 'terminate'
  | 'stop'
  | 'hibernate'
  /** Nothing at first, then a notice within `laterMs`. */
  | 'terminate-later'
  | 'rebalance-later'
  | 'lifecycle-terminated-later'
  | 'maintenance-later'
  /** Recommendation and notice; their times are that of the request, and two minutes after it. */
  | 'moving-times'
  /** The time of the notice is long gone, as where EC2 failed to take the instance. */
  | 'overdue'
  | 'rebalance'
  | 'rebalance-and-terminate'
  | 'lifecycle-terminated'
  | 'maintenance-now'
  | 'maintenance-completed'
  /** Recommendation, notice, the end by Auto Scaling and maintenance that begins now. */
  | 'everything';

/** Until everything that comes later is there. A mock counts whole seconds, so that it may be there a second sooner. */
export const laterMs = 3_000;

export interface ServiceUnderTest extends AsyncDisposable {
  readonly endpoint: string;
  /** By which the service is read, and by which `pass` lets time go by, for the service too. */
  readonly clock: Clock;
  pass(ms: number): Promise<void>;
  /** Ends every token, as a new start of the service does. */
  restart(): Promise<void>;
}

const watching = (service: ServiceUnderTest): NoticeWatch => {
  const client = new ImdsClient({ endpoint: service.endpoint, clock: service.clock });
  const sources = [
    spotInstanceAction(client),
    rebalanceRecommendation(client),
    targetLifecycleState(client),
    scheduledMaintenance(client),
  ];
  return new NoticeWatch({ sources, clock: service.clock, log: silentLog, pollMs: 1_000 });
};

const path = '/latest/meta-data/instance-id';
const requestToken = async (endpoint: string, headers: Record<string, string>): Promise<Response> =>
  fetch(`${endpoint}/latest/api/token`, { method: 'PUT', headers });

/** Holds a metadata service, ours or another's, and our watcher of it to the same behaviour. */
export function describeImds(name: string, launch: (scenario: Scenario) => Promise<ServiceUnderTest>): void {
  const read = async (scenario: Scenario) => {
    await using service = await launch(scenario);
    await using watch = watching(service);
    const reading = await watch.readAll();
    return { ...reading, remainingMs: reading.stop?.deadline.remainingMs() };
  };

  describe(`${name}: version 2`, () => {
    it('refuses requests without a token or with a wrong one', async () => {
      await using service = await launch('nothing');
      expect((await fetch(service.endpoint + path)).status).toBe(401);
      const headers = { 'x-aws-ec2-metadata-token': 'bm90IGEgdG9rZW4=' };
      expect((await fetch(service.endpoint + path, { headers })).status).toBe(401);
    });

    it('refuses to grant a token without a time to live, or with one that is none', async () => {
      await using service = await launch('nothing');
      expect((await requestToken(service.endpoint, {})).status).toBe(400);
      for (const seconds of ['0', '-1', '21601', '1.5', '1e3', '0x10', 'soon', '']) {
        const asked = { 'x-aws-ec2-metadata-token-ttl-seconds': seconds };
        expect((await requestToken(service.endpoint, asked)).status, seconds).toBe(400);
      }
    });

    it('takes a token until its time is over', async () => {
      await using service = await launch('nothing');
      const granted = await requestToken(service.endpoint, { 'x-aws-ec2-metadata-token-ttl-seconds': '2' });
      expect(granted.headers.get('x-aws-ec2-metadata-token-ttl-seconds')).toBe('2');
      const headers = { 'x-aws-ec2-metadata-token': await granted.text() };
      expect((await fetch(service.endpoint + path, { headers })).status).toBe(200);
      await service.pass(2_500);
      expect((await fetch(service.endpoint + path, { headers })).status).toBe(401);
    });

    it('is read again after a restart, which ends every token', async () => {
      await using service = await launch('nothing');
      const client = new ImdsClient({ endpoint: service.endpoint, clock: service.clock });
      const before = await readInstance(client);
      await service.restart();
      expect(await readInstance(client)).toEqual(before);
    });

    it('knows its instance', async () => {
      await using service = await launch('nothing');
      const client = new ImdsClient({ endpoint: service.endpoint, clock: service.clock });
      const { id, type, zone } = await readInstance(client);
      expect(id).toMatch(/^i-[0-9a-f]{8,17}$/);
      expect(type).toMatch(/^[a-z0-9-]+\.[a-z0-9-]+$/);
      expect(zone).toMatch(/^[a-z0-9-]+[a-z]$/);
    });
  });

  describe(`${name}: notices`, () => {
    it('finds none, and every source readable, while nothing is announced', async () => {
      expect(await read('nothing')).toMatchObject({ stop: undefined, rebalance: undefined, unreadable: [] });
    });

    it.each(['terminate', 'stop'] as const)('finds two minutes until %s', async (action) => {
      const reading = await read(action);
      expect(reading.stop?.notice).toMatchObject({ kind: 'spot-interruption', action });
      expect(reading.remainingMs).toBeGreaterThan(115_000);
      expect(reading.remainingMs).toBeLessThanOrEqual(120_000);
      expect(reading.rebalance).toBeUndefined();
    });

    it('finds no time at all before hibernation', async () => {
      const reading = await read('hibernate');
      expect(reading.stop?.notice).toMatchObject({ action: 'hibernate', remainingMs: 0 });
      expect(reading.remainingMs).toBe(0);
    });

    it.each([
      ['terminate-later', { kind: 'spot-interruption', action: 'terminate' }],
      ['lifecycle-terminated-later', { kind: 'target-lifecycle-state', state: 'Terminated' }],
      ['maintenance-later', { kind: 'scheduled-maintenance' }],
    ] as const)('finds a notice that comes later: %s', async (scenario, notice) => {
      await using service = await launch(scenario);
      await using watch = watching(service);
      expect(await watch.readAll()).toMatchObject({ stop: undefined, unreadable: [] });
      await service.pass(laterMs);
      expect(await watch.readAll()).toMatchObject({ stop: { notice }, unreadable: [] });
    });

    it('finds a recommendation that comes later', async () => {
      await using service = await launch('rebalance-later');
      await using watch = watching(service);
      expect((await watch.readAll()).rebalance).toBeUndefined();
      await service.pass(laterMs);
      expect((await watch.readAll()).rebalance).toBeDefined();
    });

    it('keeps the first deadline and the first recommendation when the service moves its times', async () => {
      await using service = await launch('moving-times');
      await using watch = watching(service);
      const told: unknown[] = [];
      watch.onStop((stop) => told.push(stop.notice));
      watch.onRebalance((rebalance) => told.push(rebalance));
      const first = await watch.readAll();
      const deadlineAtMs = first.stop?.deadline.atMonotonicMs;
      const { noticedAt } = first.rebalance ?? {};
      expect(deadlineAtMs).toBeDefined();
      expect(noticedAt).toBeDefined();
      await service.pass(2_500);
      const { stop, rebalance } = await watch.readAll();
      expect(stop?.deadline.atMonotonicMs).toBe(deadlineAtMs);
      expect(stop?.deadline.remainingMs()).toBeLessThanOrEqual(118_000);
      expect(rebalance?.noticedAt).toEqual(noticedAt);
      expect(told).toHaveLength(2);
    });

    it('leaves no time after a notice whose time is gone', async () => {
      const reading = await read('overdue');
      expect(reading.stop?.notice).toMatchObject({ kind: 'spot-interruption', remainingMs: 0 });
      expect(reading.remainingMs).toBe(0);
    });

    it('takes a rebalance recommendation alone for no reason to stop', async () => {
      const reading = await read('rebalance');
      expect(reading.rebalance?.noticedAt).toBeInstanceOf(Date);
      expect(reading.stop).toBeUndefined();
    });

    it('finds recommendation and notice when both are there', async () => {
      const reading = await read('rebalance-and-terminate');
      expect(reading.rebalance).toBeDefined();
      expect(reading.stop?.notice.kind).toBe('spot-interruption');
    });

    it('finds that Auto Scaling terminates the instance', async () => {
      const reading = await read('lifecycle-terminated');
      expect(reading.stop?.notice).toEqual({ kind: 'target-lifecycle-state', state: 'Terminated' });
    });

    it('finds active maintenance with its GMT dates', async () => {
      const reading = await read('maintenance-now');
      expect(reading.stop?.notice).toMatchObject({ kind: 'scheduled-maintenance', code: 'instance-stop' });
      expect(reading.remainingMs).toBeLessThan(60_000);
      expect(reading.unreadable).toEqual([]);
    });

    it('ignores maintenance that is completed', async () => {
      expect(await read('maintenance-completed')).toMatchObject({ stop: undefined, unreadable: [] });
    });

    it('takes the soonest deadline of several notices', async () => {
      const reading = await read('everything');
      expect(reading.remainingMs).toBeLessThan(60_000);
      expect(reading.rebalance).toBeDefined();
      expect(reading.unreadable).toEqual([]);
    });
  });
}
