import { Duration, Validations, type aws_ec2 as ec2, aws_autoscaling as autoscaling } from 'aws-cdk-lib';
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
    this.group.addLifecycleHook('HandOver', {
      lifecycleHookName: terminateHookName,
      lifecycleTransition: autoscaling.LifecycleTransition.INSTANCE_TERMINATING,
      heartbeatTimeout: handOverTimeout,
      defaultResult: autoscaling.DefaultResult.CONTINUE,
    });
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
