import {
  type Activity,
  type AutoScalingGroup,
  AutoScalingClient,
  DescribeAutoScalingGroupsCommand,
  DescribeScalingActivitiesCommand,
  SetDesiredCapacityCommand,
  SetInstanceProtectionCommand,
} from '@aws-sdk/client-auto-scaling';
import type { GroupActivity, WorkerGroup, WorkerGroups } from '../fleet/worker-groups.ts';
import { type AwsClientOptions, awsClientSettings, callAws, sendOptions } from './aws-client.ts';
import type { AwsCall } from './aws-errors.ts';
import { numbered, templateOf } from './template-version.ts';

/** Enough to see why launches fail again and again; one page. */
const activitiesMax = 20;
/** Of one call. */
const machinesMax = 50;

/** The groups of a deployment, by the names that it tells. */
export function openWorkerGroups(options: AwsClientOptions): WorkerGroups {
  const client = new AutoScalingClient(awsClientSettings(options));
  return {
    async read(names, signal) {
      if (names.length === 0) return [];
      // A group may have 500 machines, and all of them come with it: a deployment's two groups are one page.
      const command = new DescribeAutoScalingGroupsCommand({ AutoScalingGroupNames: [...names] });
      const { AutoScalingGroups = [] } = await callAws(
        callTo('DescribeAutoScalingGroups', names.join(', '), signal),
        () => client.send(command, sendOptions(signal)),
      );
      return names.flatMap((name) => {
        const group = AutoScalingGroups.find(({ AutoScalingGroupName }) => AutoScalingGroupName === name);
        return group === undefined ? [] : [groupOf(name, group)];
      });
    },
    async recentActivities(name, signal) {
      const command = new DescribeScalingActivitiesCommand({
        AutoScalingGroupName: name,
        MaxRecords: activitiesMax,
      });
      const { Activities = [] } = await callAws(callTo('DescribeScalingActivities', name, signal), () =>
        client.send(command, sendOptions(signal)),
      );
      return Activities.flatMap(activityOf);
    },
    async setDesired(name, capacity, signal) {
      const command = new SetDesiredCapacityCommand({
        AutoScalingGroupName: name,
        DesiredCapacity: capacity,
        // A cooldown would let a job wait for minutes because another one came just before it.
        HonorCooldown: false,
      });
      await callAws(callTo('SetDesiredCapacity', name, signal), () =>
        client.send(command, sendOptions(signal)),
      );
    },
    async unprotect(name, machines, signal) {
      for (let at = 0; at < machines.length; at += machinesMax) {
        const command = new SetInstanceProtectionCommand({
          AutoScalingGroupName: name,
          InstanceIds: machines.slice(at, at + machinesMax),
          ProtectedFromScaleIn: false,
        });
        await callAws(callTo('SetInstanceProtection', name, signal), () =>
          client.send(command, sendOptions(signal)),
        );
      }
    },
    close: () => client.destroy(),
  };
}

function callTo(operation: string, target: string, signal: AbortSignal | undefined): AwsCall {
  return { service: 'EC2 Auto Scaling', operation, target, signal };
}

function groupOf(name: string, group: AutoScalingGroup): WorkerGroup {
  return {
    name,
    min: group.MinSize ?? 0,
    max: group.MaxSize ?? 0,
    desired: group.DesiredCapacity ?? 0,
    templateVersion: numbered(templateOf(group)?.Version),
    machines: (group.Instances ?? []).map((instance) => ({
      id: instance.InstanceId ?? '',
      type: instance.InstanceType ?? '',
      zone: instance.AvailabilityZone ?? '',
      lifecycle: instance.LifecycleState ?? 'unknown',
      isHealthy: instance.HealthStatus?.toLowerCase() !== 'unhealthy',
      isProtected: instance.ProtectedFromScaleIn ?? false,
      templateVersion: numbered(instance.LaunchTemplate?.Version),
    })),
  };
}

function activityOf({ StartTime, StatusCode, StatusMessage, Description }: Activity): GroupActivity[] {
  if (StartTime === undefined) return [];
  return [
    {
      at: StartTime,
      hasFailed: StatusCode === 'Failed' || StatusCode === 'Cancelled',
      description: Description ?? '',
      reason: StatusMessage ?? '',
    },
  ];
}
