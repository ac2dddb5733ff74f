import { describe, expect, it } from 'vitest';
import { AccessDeniedError, TransientError } from '../../../../lib/base/errors.ts';
import { seededRandom } from '../../../../lib/base/random.ts';
import type { Finding } from '../../../../lib/client/doctor/check.ts';
import { checkBucket } from '../../../../lib/client/doctor/check-bucket.ts';
import { checkClock } from '../../../../lib/client/doctor/check-clock.ts';
import { checkCredentials } from '../../../../lib/client/doctor/check-credentials.ts';
import { checkDeadLetters } from '../../../../lib/client/doctor/check-dead-letters.ts';
import { checkDeployment } from '../../../../lib/client/doctor/check-deployment.ts';
import { checkGroup } from '../../../../lib/client/doctor/check-group.ts';
import { checkJobs } from '../../../../lib/client/doctor/check-jobs.ts';
import { checkMetadata } from '../../../../lib/client/doctor/check-metadata.ts';
import { checkNode } from '../../../../lib/client/doctor/check-node.ts';
import { checkQueue } from '../../../../lib/client/doctor/check-queue.ts';
import { checkQuotas } from '../../../../lib/client/doctor/check-quotas.ts';
import { checkRegion } from '../../../../lib/client/doctor/check-region.ts';
import { checkStore } from '../../../../lib/client/doctor/check-store.ts';
import { checkTemplate } from '../../../../lib/client/doctor/check-template.ts';
import type { ReconcileReport } from '../../../../lib/client/reconcile.ts';
import type { GroupActivity, GroupMachine, WorkerGroup } from '../../../../lib/fleet/worker-groups.ts';
import type { ObjectStore } from '../../../../lib/store/object-store.ts';
import { MemoryObjectStore } from '../../../../lib/store/memory-object-store.ts';
import { fakeEc2Market } from '../../../support/fake-ec2-market.ts';
import { withMethods } from '../../../support/with-methods.ts';
import { manualClock } from '../../../support/manual-clock.ts';

const { signal } = new AbortController();
const found = (check: { run(given: AbortSignal): Promise<Finding> }): Promise<Finding> => check.run(signal);
const saying = (text: string) => expect.stringContaining(text);

describe('node', () => {
  it.each([
    ['v18.20.0', 'fail'],
    ['v20.18.9', 'fail'],
    ['v20.19.0', 'warn'],
    ['v22.12.0', 'pass'],
    ['v24.1.0', 'pass'],
  ])('%s: %s', async (version, status) => {
    expect(await found(checkNode(version))).toMatchObject({ status, message: saying(version) });
  });
});

describe('credentials', () => {
  it('say whose they are, or end with the error that knows what to type', async () => {
    const identity = () => Promise.resolve({ account: '1', arn: 'arn:x' });
    expect(await found(checkCredentials({ identity }))).toEqual({
      status: 'pass',
      message: 'account 1 as arn:x',
    });
    const none = new AccessDeniedError('none', { hint: '`aws configure`' });
    await expect(found(checkCredentials({ identity: () => Promise.reject(none) }))).rejects.toBe(none);
  });
});

describe('region', () => {
  it('warns where queue and store are apart', async () => {
    const region = () => Promise.resolve('eu-west-1');
    const queue = (of: string) => ({ queue: `https://sqs.${of}.amazonaws.com/1/jobs` });
    expect(await found(checkRegion(queue('eu-west-1'), { region }))).toMatchObject({ status: 'pass' });
    expect(await found(checkRegion(queue('us-east-1'), { region }))).toMatchObject({
      status: 'warn',
      message: 'the store is in eu-west-1, the queue in us-east-1',
    });
  });
});

const machine = (facts: Partial<GroupMachine> = {}): GroupMachine => ({
  id: 'i-1',
  type: 'g5.xlarge',
  zone: 'a',
  lifecycle: 'InService',
  isHealthy: true,
  isProtected: false,
  templateVersion: '2',
  ...facts,
});
const group = (facts: Partial<WorkerGroup> = {}): WorkerGroup => ({
  name: 'workers',
  min: 0,
  max: 4,
  desired: 1,
  templateVersion: '2',
  machines: [machine()],
  ...facts,
});

describe('deployment', () => {
  const deployment = { format: 1, store: 's3://x', queue: 'https://y', workersGroup: 'workers' } as const;
  const standing = (...groups: readonly WorkerGroup[]) => ({ groups: () => Promise.resolve(groups) });

  it('fails where the file outlived the stack', async () => {
    expect(await found(checkDeployment(deployment, standing(group())))).toMatchObject({ status: 'pass' });
    expect(await found(checkDeployment(deployment, standing()))).toMatchObject({
      status: 'fail',
      message: saying('workers'),
    });
    const two = { ...deployment, onDemandGroup: 'fallback' };
    expect(await found(checkDeployment(two, standing(group())))).toMatchObject({
      status: 'fail',
      message: saying('fallback of the deployment file does not exist'),
    });
  });

  it('warns of a file without machines', async () => {
    const { workersGroup: _, ...bare } = deployment;
    expect(await found(checkDeployment(bare, standing()))).toMatchObject({ status: 'warn' });
  });
});

describe('quotas', () => {
  const vcpus = { 'g5.xlarge': 4, 'g5.2xlarge': 8, 'p4d.24xlarge': 96 };
  const asked = (types: readonly string[], quotas: Readonly<Record<string, number | Error | undefined>>) =>
    found(
      checkQuotas(types, {
        market: fakeEc2Market({ vcpus }),
        region: () => Promise.resolve('eu-west-1'),
        machinesMax: () => Promise.resolve(4),
        account: {
          ec2Quota: (code) => {
            const quota = quotas[code];
            return quota instanceof Error ? Promise.reject(quota) : Promise.resolve(quota);
          },
        },
      }),
    );
  const gOnly = ['g5.xlarge', 'g5.2xlarge'];

  it('fail where not one machine may run, with the command that asks for all of them', async () => {
    for (const quota of [0, 3])
      expect(await asked(gOnly, { 'L-3819A6DF': quota })).toMatchObject({
        status: 'fail',
        message: saying('All G and VT Spot Instance Requests'),
        next: saying(
          'request-service-quota-increase --service-code ec2 --quota-code L-3819A6DF --desired-value 32 --region eu-west-1',
        ),
      });
  });

  it('warn where fewer machines may run than the fleet may have', async () => {
    expect(await asked(gOnly, { 'L-3819A6DF': 8 })).toMatchObject({
      status: 'warn',
      message: saying('2 of the 4 machines'),
    });
    expect(await asked(gOnly, { 'L-3819A6DF': 16 })).toMatchObject({ status: 'pass' });
  });

  it('of P count apart, and one family of two is enough to run', async () => {
    const types = ['g5.xlarge', 'p4d.24xlarge'];
    expect(await asked(types, { 'L-3819A6DF': 64, 'L-7212CCBC': 0 })).toMatchObject({
      status: 'warn',
      message: saying('All P Spot Instance Requests: 0 vCPUs'),
      next: saying('L-7212CCBC'),
    });
    expect(await asked(types, { 'L-3819A6DF': 0, 'L-7212CCBC': 0 })).toMatchObject({ status: 'fail' });
    expect(await asked(types, { 'L-3819A6DF': 64, 'L-7212CCBC': 384 })).toMatchObject({ status: 'pass' });
  });

  it('warn where we may not look, or the region has none of the types', async () => {
    expect(await asked(gOnly, { 'L-3819A6DF': new AccessDeniedError('no') })).toMatchObject({
      status: 'warn',
      next: saying('servicequotas:GetServiceQuota'),
    });
    expect(await asked(gOnly, {})).toMatchObject({ status: 'warn' });
    expect(await asked(['g99.xlarge'], {})).toMatchObject({ status: 'warn', message: saying('g99.xlarge') });
    await expect(asked(gOnly, { 'L-3819A6DF': new TransientError('no answer') })).rejects.toThrow(
      'no answer',
    );
  });
});

describe('store', () => {
  it('is probed, and one that ignores conditions fails', async () => {
    const clock = manualClock();
    const store = new MemoryObjectStore({ clock });
    const random = seededRandom(1);
    expect(await found(checkStore({ store: () => Promise.resolve(store), random }))).toMatchObject({
      status: 'pass',
    });
    const careless = withMethods<ObjectStore>(store, {
      createIfAbsent: async (key, body) => ({ outcome: 'created', ...(await store.put(key, body)) }),
    });
    await expect(found(checkStore({ store: () => Promise.resolve(careless), random }))).rejects.toMatchObject(
      { code: 'UNFIT' },
    );
  });
});

describe('clock', () => {
  it.each([
    [0, 'pass'],
    [29_000, 'pass'],
    [31_000, 'warn'],
    [-31_000, 'warn'],
    [301_000, 'fail'],
    [-301_000, 'fail'],
  ])('%i ms apart: %s', async (skewMs, status) => {
    const clock = manualClock();
    const theirs = manualClock(new Date(clock.now().getTime() + skewMs));
    const store = new MemoryObjectStore({ clock: theirs });
    const finding = await found(checkClock({ store: () => Promise.resolve(store), clock }));
    expect(finding.status).toBe(status);
    if (status !== 'pass') expect(finding.message).toContain(skewMs > 0 ? 'behind' : 'ahead of');
  });
});

describe('bucket', () => {
  const good = { isVersioned: true, blocksPublicAccess: true, encryption: 'AES256' };
  const asked = (facts: object) => found(checkBucket(() => Promise.resolve({ ...good, ...facts })));

  it('warns of what it lacks, and says what it could not see', async () => {
    expect(await asked({})).toMatchObject({ status: 'pass', message: saying('AES256') });
    expect(await asked({ isVersioned: false })).toMatchObject({
      status: 'warn',
      message: saying('versioned'),
    });
    expect(await asked({ blocksPublicAccess: false })).toMatchObject({ status: 'warn' });
    expect(await asked({ encryption: 'none' })).toMatchObject({ status: 'warn' });
    expect(await asked({ encryption: undefined })).toMatchObject({
      status: 'pass',
      message: saying('not allowed to look at encryption'),
    });
  });
});

describe('queue', () => {
  const good = {
    visibilitySeconds: 120,
    retentionSeconds: 14 * 86_400,
    deadLetterArn: 'arn',
    maxReceiveCount: 1_000,
    visible: 2,
    inFlight: 1,
  };
  const asked = (facts: object) =>
    found(checkQueue(() => Promise.resolve({ ...good, ...facts }), { visibilityMs: 120_000 }));

  it.each([
    [{}, 'pass', '2 tickets wait, 1 in the hands'],
    [{ visibilitySeconds: 30 }, 'warn', 'for 30 s instead of 120 s'],
    [{ retentionSeconds: 345_600 }, 'warn', 'for 4 days instead of 14'],
    [{ deadLetterArn: undefined, maxReceiveCount: undefined }, 'warn', 'no queue of dead letters'],
    [{ maxReceiveCount: 10 }, 'warn', 'gives a message up after 10 receives'],
  ])('%j: %s', async (facts, status, message) => {
    expect(await asked(facts)).toMatchObject({ status, message: saying(message) });
  });
});

describe('dead letters', () => {
  it('warn with the newest reason', async () => {
    const letter = {
      messageId: 'm',
      excerpt: '',
      reason: 'not a ticket',
      since: new Date(0),
      receiveCount: 1,
    };
    const asked = (...deadLetters: readonly (typeof letter)[]) =>
      found(checkDeadLetters(() => Promise.resolve({ deadLetters, isComplete: false })));
    expect(await asked()).toEqual({ status: 'pass', message: 'none' });
    expect(await asked(letter)).toMatchObject({
      status: 'warn',
      message: '1 or more wait; the newest: not a ticket',
      next: saying('holdfast retry --dead-letter'),
    });
  });
});

describe('metadata', () => {
  it('names the machine', async () => {
    const instance = { id: 'i-1', type: 'g5.xlarge', zone: 'a' };
    expect(await found(checkMetadata(() => Promise.resolve(instance)))).toEqual({
      status: 'pass',
      message: 'this machine is i-1, g5.xlarge in a',
    });
  });
});

describe('group', () => {
  const clock = manualClock();
  const failure = (reason: string, minutesAgo = 5): GroupActivity => ({
    at: new Date(clock.now().getTime() - minutesAgo * 60_000),
    hasFailed: true,
    description: 'Launching a new EC2 instance',
    reason,
  });
  const asked = (standing: WorkerGroup | undefined, activities: readonly GroupActivity[] | Error = []) =>
    found(
      checkGroup('workers', {
        group: () => Promise.resolve(standing),
        activities: () =>
          activities instanceof Error ? Promise.reject(activities) : Promise.resolve(activities),
        clock,
      }),
    );

  it('counts machines in service against those wanted', async () => {
    expect(await asked(group({ desired: 2 }))).toMatchObject({
      status: 'pass',
      message: '1 in service of 2 wanted, 4 at most',
    });
    expect(await asked(group({ max: 0, desired: 0, machines: [] }))).toMatchObject({ status: 'fail' });
    expect(await asked(group({ machines: [machine({ isHealthy: false })] }))).toMatchObject({
      status: 'warn',
    });
    expect(await asked(undefined)).toMatchObject({ status: 'skip' });
  });

  it('tells capacity, which passes, from a quota, which does not', async () => {
    const noCapacity = 'Could not launch Spot Instances. UnfulfillableCapacity - Unable to fulfill capacity';
    expect(await asked(group(), [failure(noCapacity)])).toMatchObject({
      status: 'warn',
      message: saying(noCapacity),
      next: saying('wait'),
    });
    const quota =
      'Could not launch Spot Instances. MaxSpotInstanceCountExceeded - Max spot instance count exceeded';
    expect(await asked(group(), [failure(quota)])).toMatchObject({ status: 'fail', next: saying('quota') });
    expect(await asked(group(), [failure('Invalid IAM profile')])).toMatchObject({ status: 'warn' });
  });

  it('lets old failures rest, and does without a list that it may not see', async () => {
    expect(await asked(group(), [failure('long ago', 61)])).toMatchObject({ status: 'pass' });
    expect(await asked(group(), new AccessDeniedError('no'))).toMatchObject({ status: 'pass' });
    await expect(asked(group(), new TransientError('no answer'))).rejects.toThrow('no answer');
  });
});

describe('template', () => {
  const asked = (standing: WorkerGroup | undefined) => found(checkTemplate(() => Promise.resolve(standing)));

  it('warns of machines of an older version', async () => {
    expect(await asked(group())).toMatchObject({ status: 'pass' });
    const machines = [machine(), machine({ id: 'i-old', templateVersion: '1' })];
    expect(await asked(group({ machines }))).toMatchObject({
      status: 'warn',
      message: '1 of 2 machines run an older version than 2: i-old',
    });
    expect(await asked(group({ templateVersion: undefined }))).toMatchObject({ status: 'skip' });
  });
});

describe('jobs', () => {
  const report: ReconcileReport = {
    visited: 3,
    isComplete: true,
    running: 1,
    failed: 1,
    waiting: ['b'],
    longestWaitMs: 0,
    oldestCheckpointAgeMs: 0,
    ticketed: [],
    settled: [],
    pruned: [],
    troubles: [],
  };
  const asked = (facts: Partial<ReconcileReport>) =>
    found(checkJobs(() => Promise.resolve({ ...report, ...facts }), { clock: manualClock() }));

  it('are looked after, and what was done for them is told', async () => {
    expect(await asked({})).toEqual({
      status: 'pass',
      message: '3 jobs: 1 running, 1 waiting, 1 failed',
    });
    expect(await asked({ ticketed: ['b'] })).toMatchObject({
      status: 'warn',
      message: saying('gave a new ticket to b'),
    });
    expect(await asked({ settled: [{ jobId: 'c', status: 'paused' }] })).toMatchObject({
      status: 'pass',
      message: saying('c is paused now'),
    });
    expect(await asked({ oldestCheckpointAgeMs: 31 * 60_000 })).toMatchObject({
      status: 'warn',
      message: saying('saved nothing for 31 minutes'),
    });
    const trouble = { jobId: 'd', message: 'damaged', remedy: 'fall-back', error: undefined } as const;
    expect(await asked({ troubles: [trouble] })).toMatchObject({
      status: 'warn',
      message: saying('d: damaged'),
    });
  });

  it('that are too many are looked after in part, and no timer is left behind', async () => {
    const clock = manualClock();
    const check = checkJobs(
      (enough) =>
        new Promise((done) => enough.addEventListener('abort', () => done({ ...report, isComplete: false }))),
      { clock },
    );
    const running = check.run(signal);
    await clock.advance(60_000);
    expect(await running).toMatchObject({ status: 'warn', message: saying('had no turn in time') });
    await checkJobs(() => Promise.resolve(report), { clock }).run(signal);
    expect(clock.sleepers).toBe(0);
  });
});
