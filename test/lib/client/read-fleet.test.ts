import { describe, expect, it } from 'vitest';
import { AccessDeniedError, NotFoundError } from '../../../lib/base/errors.ts';
import { type FleetPorts, noticeOf, readFleet } from '../../../lib/client/read-fleet.ts';
import type { JobView } from '../../../lib/client/read-job.ts';
import type { GroupMachine, WorkerGroup } from '../../../lib/fleet/worker-groups.ts';
import { fakeEc2Market, type FakeEc2MarketFacts } from '../../support/fake-ec2-market.ts';
import { manualClock } from '../../support/manual-clock.ts';

const now = new Date('2030-01-01T12:00:00Z');
const launchedAt = new Date('2030-01-01T10:00:00Z');
const machine = (id: string, facts: Partial<GroupMachine> = {}): GroupMachine => ({
  id,
  type: 'g5.xlarge',
  zone: 'a',
  lifecycle: 'InService',
  isHealthy: true,
  isProtected: true,
  templateVersion: '1',
  ...facts,
});
const group = (name: string, ...machines: readonly GroupMachine[]): WorkerGroup => ({
  name,
  min: 0,
  max: 4,
  desired: machines.length,
  templateVersion: '1',
  machines,
});
const job = (jobId: string, instance: string, checkpoint?: { claim: number; reason: string; step: number }) =>
  ({
    state: {
      jobId,
      claim: { token: 7, instance: { id: instance } },
      checkpoints: checkpoint === undefined ? [] : [checkpoint],
    },
    heartbeat: { step: 42 },
  }) as unknown as JobView;

function portsOf(
  facts: FakeEc2MarketFacts,
  groups: readonly WorkerGroup[],
  jobs: Readonly<Record<string, JobView>> = {},
): FleetPorts & { readonly market: ReturnType<typeof fakeEc2Market> } {
  return {
    market: fakeEc2Market(facts),
    groups: {
      read: (names) => Promise.resolve(groups.filter(({ name }) => names.includes(name))),
      recentActivities: () => Promise.resolve([]),
      setDesired: () => Promise.resolve(),
      unprotect: () => Promise.resolve(),
      close: () => {},
    },
    prices: { of: () => Promise.resolve(new Map([['g5.xlarge', 1.5]])), close: () => {} },
    readJob: (jobId) =>
      jobs[jobId] === undefined
        ? Promise.reject(new NotFoundError(`no job ${jobId}`))
        : Promise.resolve(jobs[jobId]),
    clock: manualClock(now),
  };
}

const tags = (jobId: string) => new Map([['holdfast:job', jobId]]);
const prices = [{ type: 'g5.xlarge', zone: 'a', usdPerHour: 0.5, from: new Date('2030-01-01T00:00:00Z') }];

describe('the fleet', () => {
  it('is the machines of both groups, with job, price and cost', async () => {
    const ports = portsOf(
      {
        machines: [
          { id: 'i-spot', launchedAt, tags: tags('job') },
          { id: 'i-od', launchedAt, isSpot: false },
        ],
        prices,
      },
      [group('spot', machine('i-spot')), group('od', machine('i-od', { lifecycle: 'Pending' }))],
      { job: job('job', 'i-spot') },
    );
    const view = await readFleet(['spot', 'od'], ports);
    expect(view.notes).toEqual([]);
    expect(view.machines).toEqual([
      {
        id: 'i-spot',
        type: 'g5.xlarge',
        zone: 'a',
        group: 'spot',
        state: 'InService',
        isHealthy: true,
        market: 'spot',
        jobId: 'job',
        step: 42,
        startedAt: launchedAt.toISOString(),
        usdPerHour: 0.5,
        onDemandUsdPerHour: 1.5,
        costUsd: 1,
        notice: null,
      },
      expect.objectContaining({
        id: 'i-od',
        group: 'od',
        market: 'on-demand',
        jobId: null,
        usdPerHour: 1.5,
        costUsd: 3,
      }),
    ]);
    expect(view).toMatchObject({ usdPerHour: 2, costUsd: 4 });
    expect(view.groups).toEqual([
      { name: 'spot', desired: 1, max: 4 },
      { name: 'od', desired: 1, max: 4 },
    ]);
  });

  it('believes the journal, not the tag: a job that moved on is not shown twice', async () => {
    const ports = portsOf(
      {
        machines: [
          { id: 'i-old', tags: tags('job') },
          { id: 'i-gone', tags: tags('removed') },
        ],
      },
      [group('spot', machine('i-old'), machine('i-gone'))],
      { job: job('job', 'i-new') },
    );
    const { machines, notes } = await readFleet(['spot'], ports);
    expect(machines.map(({ jobId }) => jobId)).toEqual([null, null]);
    expect(notes).toEqual([]);
  });

  it('shows what it may see, and says what it may not', async () => {
    const ports = portsOf({ machines: [{ id: 'i-1', launchedAt }] }, [group('spot', machine('i-1'))]);
    ports.market.spotPrices = () => Promise.reject(new AccessDeniedError('EC2 refused access'));
    const view = await readFleet(['spot'], ports);
    expect(view.notes).toEqual(['Spot prices are not known: EC2 refused access']);
    expect(view.machines[0]).toMatchObject({ usdPerHour: null, costUsd: null, onDemandUsdPerHour: 1.5 });
    expect(view.usdPerHour).toBeNull();
    ports.market.machines = () => Promise.reject(new AccessDeniedError('EC2 refused access'));
    expect((await readFleet(['spot'], ports)).machines[0]).toMatchObject({ id: 'i-1', market: null });
  });

  it('is empty where nothing runs, and an error where the groups cannot be read', async () => {
    const ports = portsOf({}, [group('spot')]);
    expect(await readFleet(['spot'], ports)).toMatchObject({ machines: [], usdPerHour: null, notes: [] });
    const read = () => Promise.reject(new AccessDeniedError('no'));
    await expect(readFleet(['spot'], { ...ports, groups: { ...ports.groups, read } })).rejects.toThrow('no');
  });
});

describe('a notice', () => {
  it.each([
    ['InService', undefined, null],
    ['Terminating:Wait', undefined, 'is being terminated'],
    ['InService', job('job', 'i', { claim: 7, reason: 'policy', step: 9 }), null],
    ['InService', job('job', 'i', { claim: 7, reason: 'notice', step: 9 }), 'notice; saved at step 9'],
    [
      'InService',
      job('job', 'i', { claim: 7, reason: 'rebalance', step: 9 }),
      'rebalance recommended; saved at step 9',
    ],
    // Of an attempt before: on another machine.
    ['InService', job('job', 'i', { claim: 3, reason: 'notice', step: 9 }), null],
  ])('in %s', (lifecycle, view, notice) => {
    expect(noticeOf(lifecycle, view)).toBe(notice);
  });
});
