import {
  AutoScalingClient,
  type AutoScalingGroup,
  CreateAutoScalingGroupCommand,
  DescribeAutoScalingGroupsCommand,
  UpdateAutoScalingGroupCommand,
} from '@aws-sdk/client-auto-scaling';
import {
  CreateLaunchTemplateCommand,
  CreateLaunchTemplateVersionCommand,
  DescribeInstancesCommand,
  EC2Client,
} from '@aws-sdk/client-ec2';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../lib/base/clock.ts';
import { systemRandom } from '../../lib/base/random.ts';
import { openAutoScalingMembership } from '../../lib/aws/auto-scaling-membership.ts';
import type { FleetMembership } from '../../lib/fleet/fleet-membership.ts';
import { runWorkerProcess } from '../../job/main.ts';
import { ImdsServer } from '../../local/imds-server.ts';
import { timersFrom } from '../../lib/contract/timers.ts';
import { FaultProxy } from '../support/fault-proxy/fault-proxy.ts';
import { startMoto } from '../support/moto-server.ts';

const moto = await startMoto();
const proxy = await FaultProxy.start(moto.endpoint);
const client = {
  region: 'us-east-1',
  credentials: { accessKeyId: 'moto', secretAccessKey: 'moto' },
  endpoint: proxy.endpoint,
};
const scaling = new AutoScalingClient(client);
const ec2 = new EC2Client(client);
// Worker and driver take everything from the environment, as on an instance.
beforeAll(() => {
  vi.stubEnv('AWS_ENDPOINT_URL', proxy.endpoint);
  vi.stubEnv('AWS_REGION', client.region);
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'moto');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'moto');
});
afterAll(async () => {
  vi.unstubAllEnvs();
  scaling.destroy();
  ec2.destroy();
  await proxy[Symbol.asyncDispose]();
  await moto.stop();
});

let made = 0;
let group: string;
let template: string;
let instanceIds: readonly string[];
let member: FleetMembership;

const described = async (): Promise<AutoScalingGroup | undefined> => {
  const answer = await scaling.send(new DescribeAutoScalingGroupsCommand({ AutoScalingGroupNames: [group] }));
  return answer.AutoScalingGroups?.[0];
};
const mine = async () =>
  (await described())?.Instances?.find(({ InstanceId }) => InstanceId === instanceIds[0]);
const groupNames = (version: string) => ({
  AutoScalingGroupName: group,
  LaunchTemplate: { LaunchTemplateName: template, Version: version },
});

beforeEach(async () => {
  group = `workers-${++made}`;
  template = `template-${made}`;
  const LaunchTemplateData = { ImageId: 'ami-12c6146b', InstanceType: 'g4dn.xlarge' } as const;
  await ec2.send(new CreateLaunchTemplateCommand({ LaunchTemplateName: template, LaunchTemplateData }));
  await ec2.send(
    new CreateLaunchTemplateVersionCommand({ LaunchTemplateName: template, LaunchTemplateData }),
  );
  await scaling.send(
    new CreateAutoScalingGroupCommand({
      ...groupNames('1'),
      MinSize: 1,
      MaxSize: 3,
      DesiredCapacity: 2,
      AvailabilityZones: ['us-east-1a'],
    }),
  );
  instanceIds = ((await described())?.Instances ?? []).map(({ InstanceId = '' }) => InstanceId);
  member = await openAutoScalingMembership({ group, instanceId: instanceIds[0] ?? '' });
});
afterEach(() => member.close());

describe('the membership with moto as referee', () => {
  it('is that of an instance in service', async () => {
    expect(instanceIds).toHaveLength(2);
    expect(await mine()).toMatchObject({ LifecycleState: 'InService', ProtectedFromScaleIn: false });
  });

  it('protects its own instance alone', async () => {
    await member.protect();
    const isProtected = async (): Promise<unknown> =>
      (await described())?.Instances?.map(({ ProtectedFromScaleIn }) => ProtectedFromScaleIn);
    expect(await isProtected()).toEqual([true, false]);
    await member.unprotect();
    expect(await isProtected()).toEqual([false, false]);
  });

  it('keeps its protection at a recommendation in a group that starts nothing in advance', async () => {
    await member.protect();
    expect(await member.yieldToReplacement()).toBe('kept');
    expect(await mine()).toMatchObject({ ProtectedFromScaleIn: true });
  });

  it('ends with its instance and one place less, down to the minimum', async () => {
    expect(await member.retire({ replaced: false })).toBe('retiring');
    expect(await described()).toMatchObject({
      DesiredCapacity: 1,
      Instances: [{ InstanceId: instanceIds[1] }],
    });
    const { Reservations = [] } = await ec2.send(
      new DescribeInstancesCommand({ InstanceIds: instanceIds.slice(0, 1) }),
    );
    expect(Reservations[0]?.Instances?.[0]?.State?.Name).toBe('terminated');
    expect(await member.retire({ replaced: false })).toBe('alone');
    const last = await openAutoScalingMembership({ group, instanceId: instanceIds[1] ?? '' });
    expect(await last.retire({ replaced: false })).toBe('needed');
    expect(await described()).toMatchObject({ DesiredCapacity: 1 });
    last.close();
  });

  it('leaves its place to another instance', async () => {
    expect(await member.retire({ replaced: true })).toBe('retiring');
    expect(await described()).toMatchObject({ DesiredCapacity: 2 });
    expect((await described())?.Instances?.map(({ InstanceId }) => InstanceId)).not.toContain(instanceIds[0]);
  });

  it('reports its instance', async () => {
    await member.reportUnhealthy();
    expect((await mine())?.HealthStatus).toMatch(/^unhealthy$/i);
  });

  it('is outdated once the group names another version of its template', async () => {
    expect(await member.isOutdated()).toBe(false);
    await scaling.send(new UpdateAutoScalingGroupCommand(groupNames('2')));
    expect(await member.isOutdated()).toBe(true);
  });

  it('labels its instance with job and step, and takes the label off', async () => {
    const tags = async (): Promise<Readonly<Record<string, string>>> => {
      const { Reservations = [] } = await ec2.send(
        new DescribeInstancesCommand({ InstanceIds: instanceIds.slice(0, 1) }),
      );
      const read = Reservations[0]?.Instances?.[0]?.Tags ?? [];
      return Object.fromEntries(read.map(({ Key = '', Value = '' }) => [Key, Value]));
    };
    await member.label({ jobId: 'mnist-1', step: 400 });
    expect(await tags()).toMatchObject({ 'holdfast:job': 'mnist-1', 'holdfast:step': '400' });
    await member.label(undefined);
    expect(Object.keys(await tags()).filter((key) => key.startsWith('holdfast:'))).toEqual([]);
  });

  it('ends the wait of a hook once it waits', async () => {
    expect(await member.completeTermination()).toBe('not-yet');
    proxy.hooks.hold(instanceIds[0] ?? '');
    expect(await member.completeTermination()).toBe('completed');
    expect(await member.completeTermination()).toBe('not-yet');
  });
});

describe('a whole worker with moto as its fleet', () => {
  /** From its start to its exit code, with a region in a folder. */
  async function work(
    options: { readonly idleExitMs?: number },
    act: (imds: ImdsServer) => void = () => {},
  ): Promise<{ readonly code: number; readonly events: readonly string[] }> {
    const dir = mkdtempSync(join(tmpdir(), 'holdfast-member-'));
    const instance = { id: instanceIds[0] ?? '', type: 'g4dn.xlarge', zone: 'us-east-1a' };
    const imds = await ImdsServer.start({ instance, clock: systemClock, random: systemRandom });
    const events: string[] = [];
    try {
      const code = await runWorkerProcess({
        store: pathToFileURL(join(dir, 'store')).href,
        queue: pathToFileURL(join(dir, 'queue')).href,
        workDir: join(dir, 'work'),
        timers: timersFrom({ heartbeatMs: 300, visibilityMs: 1_200 }),
        imdsEndpoint: imds.endpoint,
        once: false,
        idleExitMs: options.idleExitMs,
        autoScalingGroup: group,
        writeLog: (line) => {
          const { event }: { readonly event: string } = JSON.parse(line);
          events.push(event);
          if (event === 'worker-started') act(imds);
        },
      });
      return { code, events };
    } finally {
      await imds[Symbol.asyncDispose]();
      rmSync(dir, { recursive: true, force: true });
    }
  }

  it('takes its idle instance out, lets the hook go, and has drained', async () => {
    const { code, events } = await work({ idleExitMs: 1_000 });
    expect(code).toBe(0);
    expect(events).toContain('retire');
    expect(await described()).toMatchObject({
      DesiredCapacity: 1,
      Instances: [{ InstanceId: instanceIds[1] }],
    });
    expect(proxy.hooks.completed).toContain(instanceIds[0]);
    expect(events.filter((event) => /given-up|failed|left-waiting/.test(event))).toEqual([]);
  });

  it('lets the hook go at once when the group ends its instance', async () => {
    const { code } = await work({}, (imds) => {
      proxy.hooks.hold(instanceIds[0] ?? '');
      imds.announce({ kind: 'target-lifecycle-state', state: 'Terminated' });
    });
    expect(code).toBe(75);
    expect(proxy.hooks.completed).toContain(instanceIds[0]);
    expect(await described()).toMatchObject({ DesiredCapacity: 2 });
  });
});
