import {
  Duration,
  Validations,
  aws_autoscaling as autoscaling,
  type aws_ec2 as ec2,
  type aws_iam as iam,
} from 'aws-cdk-lib';
import { Construct } from 'constructs';
import { terminateHookName } from '../lib/contract/worker-environment.ts';
import { launchTemplateOverrides } from './launch-template-overrides.ts';
import type { InstanceRequirements } from './spot-training-props.ts';

export interface WorkerGroupProps {
  readonly groupName: string;
  /** `spot`: nothing else, whatever it costs to wait. `on-demand`: nothing else either. */
  readonly market: 'spot' | 'on-demand';
  readonly vpc: ec2.IVpc;
  readonly vpcSubnets: ec2.SubnetSelection;
  readonly launchTemplate: ec2.ILaunchTemplate;
  /** Of the launch template. */
  readonly role: iam.IRole;
  readonly instanceTypes: readonly string[];
  readonly instanceRequirements: InstanceRequirements | undefined;
  readonly minCapacity: number;
  readonly maxCapacity: number;
  readonly spotMaxPrice: number | undefined;
  readonly capacityRebalance: boolean;
}

/**
 * A worker says when it has handed over, and the hook ends there; this is for one that cannot say it any more. A hand-over
 * may take as long as a Spot notice gives, 2 minutes; the rest is for a worker that waits for an upload to be answered.
 */
const handOverTimeout = Duration.minutes(5);

/**
 * Instances that take jobs. There is no update policy: a deployment never replaces a machine that trains; a worker of an
 * older template leaves by itself when its job ends. There is no policy to scale in either: an idle worker retires itself.
 */
export class WorkerGroup extends Construct {
  readonly group: autoscaling.AutoScalingGroup;

  constructor(scope: Construct, id: string, props: WorkerGroupProps) {
    super(scope, id);
    this.group = new autoscaling.AutoScalingGroup(this, 'Group', {
      autoScalingGroupName: props.groupName,
      vpc: props.vpc,
      vpcSubnets: props.vpcSubnets,
      minCapacity: props.minCapacity,
      maxCapacity: props.maxCapacity,
      mixedInstancesPolicy: {
        launchTemplate: props.launchTemplate,
        instancesDistribution: distribution(props),
        launchTemplateOverrides: launchTemplateOverrides(props),
      },
      capacityRebalance: props.capacityRebalance,
      groupMetrics: [
        new autoscaling.GroupMetrics(
          autoscaling.GroupMetric.DESIRED_CAPACITY,
          autoscaling.GroupMetric.IN_SERVICE_INSTANCES,
        ),
      ],
    });
    holdTerminations(this.group);
    // With the stack, instances go before their rights and their way out do: a worker hands over even then.
    this.group.node.addDependency(
      props.role,
      props.vpc.selectSubnets(props.vpcSubnets).internetConnectivityEstablished,
    );
    Validations.of(this.group).acknowledge(
      {
        id: 'AwsSolutions-AS3',
        reason:
          'Scaling events go to EventBridge, and from there to the log group and the alarms (fleet-events.ts).',
      },
      {
        id: 'AwsSolutions-EC26',
        reason:
          'The rule cannot read groups with a mixed instances policy. The launch template encrypts its one disk; a test holds that.',
      },
    );
  }
}

/**
 * The hook is part of the group, not a resource beside it: it is there before the first instance, and when the stack is
 * deleted it is not gone before the last one.
 */
function holdTerminations(group: autoscaling.AutoScalingGroup): void {
  const resource = group.node.defaultChild;
  if (!(resource instanceof autoscaling.CfnAutoScalingGroup))
    throw new Error('This version of the CDK makes groups in another way: use the one that holdfast names.');
  resource.lifecycleHookSpecificationList = [
    {
      lifecycleHookName: terminateHookName,
      lifecycleTransition: autoscaling.LifecycleTransition.INSTANCE_TERMINATING,
      heartbeatTimeout: handOverTimeout.toSeconds(),
      defaultResult: autoscaling.DefaultResult.CONTINUE,
    },
  ];
}

/** Everything of one market. The default of CloudFormation would be On-Demand alone. */
function distribution({ market, spotMaxPrice }: WorkerGroupProps): autoscaling.InstancesDistribution {
  return market === 'spot'
    ? {
        onDemandBaseCapacity: 0,
        onDemandPercentageAboveBaseCapacity: 0,
        spotAllocationStrategy: autoscaling.SpotAllocationStrategy.PRICE_CAPACITY_OPTIMIZED,
        ...(spotMaxPrice === undefined ? {} : { spotMaxPrice: String(spotMaxPrice) }),
      }
    : {
        onDemandBaseCapacity: 0,
        onDemandPercentageAboveBaseCapacity: 100,
        onDemandAllocationStrategy: autoscaling.OnDemandAllocationStrategy.LOWEST_PRICE,
      };
}
