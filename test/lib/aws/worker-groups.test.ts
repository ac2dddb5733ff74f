import {
  AutoScalingClient,
  DescribeAutoScalingGroupsCommand,
  DescribeScalingActivitiesCommand,
  SetDesiredCapacityCommand,
  SetInstanceProtectionCommand,
} from '@aws-sdk/client-auto-scaling';
import { type AwsClientStub, mockClient } from 'aws-sdk-client-mock';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openWorkerGroups } from '../../../lib/aws/worker-groups.ts';

describe('the groups of a deployment', () => {
  let vendor: AwsClientStub<AutoScalingClient>;
  const groups = openWorkerGroups({ region: 'eu-west-1' });

  beforeEach(() => {
    vendor = mockClient(AutoScalingClient);
  });
  afterEach(() => vendor.restore());

  it('are read with their machines, in the order asked for, without those that are gone', async () => {
    const machine = {
      InstanceId: 'i-1',
      InstanceType: 'g5.xlarge',
      AvailabilityZone: 'eu-west-1a',
      LifecycleState: 'Terminating:Wait',
      HealthStatus: 'Unhealthy',
      ProtectedFromScaleIn: true,
      LaunchTemplate: { LaunchTemplateId: 'lt', Version: '3' },
    } as const;
    vendor.on(DescribeAutoScalingGroupsCommand).resolves({
      AutoScalingGroups: [
        {
          AutoScalingGroupName: 'b',
          MinSize: 0,
          MaxSize: 4,
          DesiredCapacity: 2,
          DefaultCooldown: 0,
          AvailabilityZones: [],
          HealthCheckType: 'EC2',
          CreatedTime: new Date(0),
          Instances: [machine],
          MixedInstancesPolicy: {
            LaunchTemplate: { LaunchTemplateSpecification: { LaunchTemplateId: 'lt', Version: '4' } },
          },
        },
        {
          AutoScalingGroupName: 'a',
          MinSize: 0,
          MaxSize: 1,
          DesiredCapacity: 0,
          DefaultCooldown: 0,
          AvailabilityZones: [],
          HealthCheckType: 'EC2',
          CreatedTime: new Date(0),
          LaunchTemplate: { LaunchTemplateId: 'lt', Version: '$Latest' },
        },
      ],
    });
    expect(await groups.read(['a', 'gone', 'b'])).toEqual([
      { name: 'a', min: 0, max: 1, desired: 0, templateVersion: undefined, machines: [] },
      {
        name: 'b',
        min: 0,
        max: 4,
        desired: 2,
        templateVersion: '4',
        machines: [
          {
            id: 'i-1',
            type: 'g5.xlarge',
            zone: 'eu-west-1a',
            lifecycle: 'Terminating:Wait',
            isHealthy: false,
            isProtected: true,
            templateVersion: '3',
          },
        ],
      },
    ]);
    expect(vendor.commandCalls(DescribeAutoScalingGroupsCommand)[0]?.args[0].input).toEqual({
      AutoScalingGroupNames: ['a', 'gone', 'b'],
    });
  });

  it('grow without waiting for a cooldown', async () => {
    vendor.on(SetDesiredCapacityCommand).resolves({});
    await groups.setDesired('a', 3);
    expect(vendor.commandCalls(SetDesiredCapacityCommand)[0]?.args[0].input).toEqual({
      AutoScalingGroupName: 'a',
      DesiredCapacity: 3,
      HonorCooldown: false,
    });
  });

  it('let go of more machines than one call may name', async () => {
    vendor.on(SetInstanceProtectionCommand).resolves({});
    const ids = Array.from({ length: 51 }, (_, at) => `i-${at}`);
    await groups.unprotect('a', ids);
    const asked = vendor.commandCalls(SetInstanceProtectionCommand).map(({ args: [{ input }] }) => input);
    expect(asked.map(({ InstanceIds }) => InstanceIds?.length)).toEqual([50, 1]);
    expect(asked.flatMap(({ InstanceIds }) => InstanceIds)).toEqual(ids);
    expect(asked[1]).toMatchObject({ AutoScalingGroupName: 'a', ProtectedFromScaleIn: false });
  });

  it('tell why a launch failed', async () => {
    const at = new Date('2030-01-01T00:00:00Z');
    const common = { ActivityId: '1', AutoScalingGroupName: 'a', Cause: '', StartTime: at };
    vendor.on(DescribeScalingActivitiesCommand).resolves({
      Activities: [
        {
          ...common,
          StatusCode: 'Failed',
          Description: 'Launching a new EC2 instance.',
          StatusMessage: 'Max spot instance count exceeded.',
        },
        { ...common, StatusCode: 'Successful', Description: 'Terminating EC2 instance: i-1' },
      ],
    });
    expect(await groups.recentActivities('a')).toEqual([
      {
        at,
        hasFailed: true,
        description: 'Launching a new EC2 instance.',
        reason: 'Max spot instance count exceeded.',
      },
      { at, hasFailed: false, description: 'Terminating EC2 instance: i-1', reason: '' },
    ]);
  });

  it('answers a refusal with an error of ours', async () => {
    const refused = Object.assign(new Error('not authorized'), {
      name: 'AccessDenied',
      $metadata: { httpStatusCode: 403 },
    });
    vendor.on(SetDesiredCapacityCommand).rejects(refused);
    await expect(groups.setDesired('a', 1)).rejects.toMatchObject({
      code: 'ACCESS_DENIED',
      message: expect.stringContaining('EC2 Auto Scaling refused access'),
    });
  });
});
