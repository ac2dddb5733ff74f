import { Stack } from 'aws-cdk-lib';
import type { Construct } from 'constructs';

/** The Auto Scaling groups of one fleet, by name: names that are known before the groups exist break a circle in IAM. */
export interface GroupNames {
  readonly spot: string;
  /** Where there is a fallback. */
  readonly onDemand: string | undefined;
}

/** Fixed names, from those of the stack and of the construct: one account may hold many stacks, one stack many fleets. */
export function groupNamesOf(scope: Construct, options: { readonly hasFallback: boolean }): GroupNames {
  const stack = Stack.of(scope);
  const path = scope.node.path.slice(stack.node.path.length + 1).replaceAll('/', '-');
  const prefix = `${stack.stackName}-${path}`;
  return { spot: `${prefix}-spot`, onDemand: options.hasFallback ? `${prefix}-on-demand` : undefined };
}

/** Names of the groups that there are. */
export function namesIn({ spot, onDemand }: GroupNames): readonly string[] {
  return onDemand === undefined ? [spot] : [spot, onDemand];
}

/** The ARN that IAM compares for actions on a group: the part that EC2 makes up is left open. */
export function groupArn(scope: Construct, groupName: string): string {
  return Stack.of(scope).formatArn({
    service: 'autoscaling',
    resource: 'autoScalingGroup:*:autoScalingGroupName',
    resourceName: groupName,
  });
}
