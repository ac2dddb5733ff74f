import {
  AutoScalingClient,
  CompleteLifecycleActionCommand,
  DescribeAutoScalingGroupsCommand,
  type AutoScalingGroup,
  DescribeAutoScalingInstancesCommand,
  RecordLifecycleActionHeartbeatCommand,
  SetInstanceHealthCommand,
  SetInstanceProtectionCommand,
  TerminateInstanceInAutoScalingGroupCommand,
} from '@aws-sdk/client-auto-scaling';
import { CreateTagsCommand, DeleteTagsCommand, EC2Client } from '@aws-sdk/client-ec2';
import { type AwsClientStub, mockClient } from 'aws-sdk-client-mock';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AccessDeniedError, TransientError, UnfitError } from '../../../lib/base/errors.ts';
import { openAutoScalingMembership } from '../../../lib/aws/auto-scaling-membership.ts';
import type { FleetMembership } from '../../../lib/fleet/fleet-membership.ts';

const group = 'training-workers';
const instanceId = 'i-0123456789abcdef0';

/** As Auto Scaling refuses: one name for everything, told apart by words. */
const refusal = (message: string): Error =>
  Object.assign(new Error(message), { name: 'ValidationError', $metadata: { httpStatusCode: 400 } });

let scaling: AwsClientStub<AutoScalingClient>;
let ec2: AwsClientStub<EC2Client>;
let member: FleetMembership;

beforeEach(async () => {
  scaling = mockClient(AutoScalingClient);
  ec2 = mockClient(EC2Client);
  member = await openAutoScalingMembership({ group, instanceId, region: 'eu-west-1' });
});
afterEach(() => {
  member.close();
  scaling.restore();
  ec2.restore();
});

function describesInstance(facts: { readonly state?: string; readonly version?: string } = {}): void {
  const { state = 'InService', version = '3' } = facts;
  scaling.on(DescribeAutoScalingInstancesCommand, { InstanceIds: [instanceId] }).resolves({
    AutoScalingInstances: [
      {
        InstanceId: instanceId,
        AutoScalingGroupName: group,
        AvailabilityZone: 'eu-west-1a',
        HealthStatus: 'HEALTHY',
        ProtectedFromScaleIn: false,
        LifecycleState: state,
        LaunchTemplate: { LaunchTemplateId: 'lt-1', Version: version },
      },
    ],
  });
}

function describesGroup(facts: Partial<AutoScalingGroup> = {}): void {
  scaling.on(DescribeAutoScalingGroupsCommand, { AutoScalingGroupNames: [group] }).resolves({
    AutoScalingGroups: [
      {
        AutoScalingGroupName: group,
        MinSize: 0,
        MaxSize: 4,
        DesiredCapacity: 2,
        DefaultCooldown: 300,
        AvailabilityZones: [],
        HealthCheckType: 'EC2',
        CreatedTime: new Date('2030-01-01T00:00:00Z'),
        ...facts,
      },
    ],
  });
}

describe('protection from scale-in', () => {
  const inputs = (): unknown[] =>
    scaling.commandCalls(SetInstanceProtectionCommand).map(({ args }) => args[0].input);

  it('is set and taken off for this one instance', async () => {
    scaling.on(SetInstanceProtectionCommand).resolves({});
    await member.protect();
    await member.unprotect();
    const both = { AutoScalingGroupName: group, InstanceIds: [instanceId] };
    expect(inputs()).toEqual([
      { ...both, ProtectedFromScaleIn: true },
      { ...both, ProtectedFromScaleIn: false },
    ]);
  });

  it('may be asked for again while the instance is not in service yet', async () => {
    scaling
      .on(SetInstanceProtectionCommand)
      .rejects(refusal(`The instance ${instanceId} is not in InService or EnteringStandby or Standby.`));
    await expect(member.protect()).rejects.toBeInstanceOf(TransientError);
    expect(inputs()).toHaveLength(1);
  });

  it('is a matter for a human where the group is unknown or access is denied', async () => {
    scaling.on(SetInstanceProtectionCommand).rejects(refusal('AutoScalingGroup name not found'));
    await expect(member.protect()).rejects.toBeInstanceOf(UnfitError);
    const denied = Object.assign(new Error('no'), {
      name: 'AccessDenied',
      $metadata: { httpStatusCode: 403 },
    });
    scaling.on(SetInstanceProtectionCommand).rejects(denied);
    await expect(member.protect()).rejects.toBeInstanceOf(AccessDeniedError);
  });

  it('is dropped after a rebalance recommendation only where the group starts replacements in advance', async () => {
    scaling.on(SetInstanceProtectionCommand).resolves({});
    describesGroup({ CapacityRebalance: false });
    expect(await member.yieldToReplacement()).toBe('kept');
    expect(inputs()).toEqual([]);
    describesGroup({ CapacityRebalance: true });
    expect(await member.yieldToReplacement()).toBe('yielded');
    expect(inputs()).toEqual([expect.objectContaining({ ProtectedFromScaleIn: false })]);
  });
});

describe('the end of an instance', () => {
  it('completes the action of the hook by name and instance, without a token', async () => {
    scaling.on(CompleteLifecycleActionCommand).resolves({});
    expect(await member.completeTermination()).toBe('completed');
    expect(scaling.commandCalls(CompleteLifecycleActionCommand)[0]?.args[0].input).toEqual({
      AutoScalingGroupName: group,
      LifecycleHookName: 'holdfast-hand-over',
      InstanceId: instanceId,
      LifecycleActionResult: 'CONTINUE',
    });
    expect(scaling.commandCalls(RecordLifecycleActionHeartbeatCommand)).toEqual([]);
  });

  it('is not complete yet while no hook waits', async () => {
    scaling
      .on(CompleteLifecycleActionCommand)
      .rejects(refusal(`No active Lifecycle Action found with instance ID ${instanceId}`));
    expect(await member.completeTermination()).toBe('not-yet');
  });

  it('says what else is wrong with the hook', async () => {
    scaling.on(CompleteLifecycleActionCommand).rejects(refusal('No Lifecycle Hook found'));
    await expect(member.completeTermination()).rejects.toBeInstanceOf(UnfitError);
  });

  it('reports a broken machine whatever its age', async () => {
    scaling.on(SetInstanceHealthCommand).resolves({});
    await member.reportUnhealthy();
    expect(scaling.commandCalls(SetInstanceHealthCommand)[0]?.args[0].input).toEqual({
      InstanceId: instanceId,
      HealthStatus: 'Unhealthy',
      ShouldRespectGracePeriod: false,
    });
  });
});

describe('retirement', () => {
  const inputs = (): unknown[] =>
    scaling.commandCalls(TerminateInstanceInAutoScalingGroupCommand).map(({ args }) => args[0].input);

  beforeEach(() => {
    describesInstance();
    describesGroup();
    scaling.on(TerminateInstanceInAutoScalingGroupCommand).resolves({});
  });

  it('lowers the desired capacity with the instance', async () => {
    expect(await member.retire({ replaced: false })).toBe('retiring');
    expect(inputs()).toEqual([{ InstanceId: instanceId, ShouldDecrementDesiredCapacity: true }]);
  });

  it('leaves the desired capacity alone where another instance is wanted, at the minimum too', async () => {
    describesGroup({ MinSize: 2 });
    expect(await member.retire({ replaced: true })).toBe('retiring');
    expect(inputs()).toEqual([{ InstanceId: instanceId, ShouldDecrementDesiredCapacity: false }]);
  });

  it('does not go below the minimum of the group', async () => {
    describesGroup({ MinSize: 2 });
    expect(await member.retire({ replaced: false })).toBe('needed');
    expect(inputs()).toEqual([]);
  });

  it('stays when another instance took the last place above the minimum meanwhile', async () => {
    scaling
      .on(TerminateInstanceInAutoScalingGroupCommand)
      .rejects(
        refusal(
          "Currently, desiredSize equals minSize (1). Terminating instance without replacement will violate group's min size constraint.",
        ),
      );
    expect(await member.retire({ replaced: false })).toBe('needed');
  });

  it('is asked for once when the answer is lost, and not again once the instance is on its way', async () => {
    const lost = Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' });
    scaling.on(TerminateInstanceInAutoScalingGroupCommand).rejects(lost);
    await expect(member.retire({ replaced: false })).rejects.toBeInstanceOf(TransientError);
    describesInstance({ state: 'Terminating:Wait' });
    expect(await member.retire({ replaced: false })).toBe('retiring');
    expect(inputs()).toHaveLength(1);
  });

  it('is nothing for an instance that was detached', async () => {
    scaling.on(DescribeAutoScalingInstancesCommand).resolves({ AutoScalingInstances: [] });
    expect(await member.retire({ replaced: false })).toBe('alone');
    expect(inputs()).toEqual([]);
  });

  it('tells of a group that is gone', async () => {
    scaling.on(DescribeAutoScalingGroupsCommand).resolves({ AutoScalingGroups: [] });
    await expect(member.retire({ replaced: false })).rejects.toBeInstanceOf(UnfitError);
  });
});

describe('the launch template of an instance', () => {
  const mixed = (version: string, id = 'lt-1'): Partial<AutoScalingGroup> => ({
    MixedInstancesPolicy: {
      LaunchTemplate: { LaunchTemplateSpecification: { LaunchTemplateId: id, Version: version } },
    },
  });

  it.each([
    ['is outdated when the group names another version', mixed('4'), true],
    ['is outdated after a step back, too', mixed('2'), true],
    ['is current when the group names this version', mixed('3'), false],
    [
      'is compared with a group without a mixed policy alike',
      { LaunchTemplate: { LaunchTemplateId: 'lt-1', Version: '4' } },
      true,
    ],
    ['cannot be compared with $Latest', mixed('$Latest'), false],
    ['cannot be compared with $Default', mixed('$Default'), false],
    ['cannot be compared with the versions of another template', mixed('4', 'lt-2'), false],
    ['cannot be compared with a group without one', {}, false],
  ] as const)('%s', async (_, facts, expected) => {
    describesInstance({ version: '3' });
    describesGroup(facts);
    expect(await member.isOutdated()).toBe(expected);
  });

  it('is not asked after where the instance belongs to no group', async () => {
    scaling.on(DescribeAutoScalingInstancesCommand).resolves({ AutoScalingInstances: [] });
    describesGroup(mixed('4'));
    expect(await member.isOutdated()).toBe(false);
  });
});

describe('the label of an instance', () => {
  it('names job and step in two tags, and takes both off', async () => {
    ec2.on(CreateTagsCommand).resolves({});
    ec2.on(DeleteTagsCommand).resolves({});
    await member.label({ jobId: 'mnist-1', step: 40 });
    await member.label(undefined);
    expect(ec2.commandCalls(CreateTagsCommand)[0]?.args[0].input).toEqual({
      Resources: [instanceId],
      Tags: [
        { Key: 'holdfast:job', Value: 'mnist-1' },
        { Key: 'holdfast:step', Value: '40' },
      ],
    });
    expect(ec2.commandCalls(DeleteTagsCommand)[0]?.args[0].input).toEqual({
      Resources: [instanceId],
      Tags: [{ Key: 'holdfast:job' }, { Key: 'holdfast:step' }],
    });
  });

  it('is refused in words of ours', async () => {
    ec2.on(CreateTagsCommand).rejects(
      Object.assign(new Error('You are not authorized'), {
        name: 'UnauthorizedOperation',
        $metadata: { httpStatusCode: 403 },
      }),
    );
    await expect(member.label({ jobId: 'mnist-1', step: 1 })).rejects.toBeInstanceOf(AccessDeniedError);
  });
});

describe('a call that was given up', () => {
  it('ends with the reason of the abort, not with the error of the service', async () => {
    const reason = new Error('the notice came');
    scaling.on(SetInstanceProtectionCommand).rejects(refusal('whatever'));
    await expect(member.protect(AbortSignal.abort(reason))).rejects.toBe(reason);
  });
});
