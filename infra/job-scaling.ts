import {
  Duration,
  aws_autoscaling as autoscaling,
  aws_cloudwatch as cloudwatch,
  type aws_sqs as sqs,
} from 'aws-cdk-lib';
import { Construct } from 'constructs';

/** Of SQS and EC2 Auto Scaling both: a value a minute. */
const minute = Duration.minutes(1);

/** The numbers that scaling rests on, all of them of one minute. */
export interface FleetDemand {
  /** Tickets: waiting, and held by a worker. */
  readonly waiting: cloudwatch.IMetric;
  readonly held: cloudwatch.IMetric;
  readonly spotDesired: cloudwatch.IMetric;
  readonly spotInService: cloudwatch.IMetric;
  /** Where there is a fallback group. */
  readonly onDemandDesired: cloudwatch.IMetric | undefined;
}

export function fleetDemand(
  jobs: sqs.IQueue,
  groups: { readonly spot: string; readonly onDemand: string | undefined },
): FleetDemand {
  const options = { period: minute, statistic: cloudwatch.Stats.MAXIMUM };
  return {
    waiting: jobs.metricApproximateNumberOfMessagesVisible(options),
    held: jobs.metricApproximateNumberOfMessagesNotVisible(options),
    spotDesired: groupMetric(groups.spot, 'GroupDesiredCapacity'),
    spotInService: groupMetric(groups.spot, 'GroupInServiceInstances'),
    onDemandDesired:
      groups.onDemand === undefined ? undefined : groupMetric(groups.onDemand, 'GroupDesiredCapacity'),
  };
}

function groupMetric(groupName: string, metricName: string): cloudwatch.Metric {
  return new cloudwatch.Metric({
    namespace: 'AWS/AutoScaling',
    metricName,
    dimensionsMap: { AutoScalingGroupName: groupName },
    period: minute,
    statistic: cloudwatch.Stats.MAXIMUM,
  });
}

/**
 * A group's number, a minute without one filled with the last that there was: groups may report later than the queue, and
 * a 0 in the newest minute would ask for an instance too many. 0 where there is none at all.
 */
const known = (id: string): string => `FILL(FILL(${id}, REPEAT), 0)`;

/**
 * Tickets are never filled: a queue that sleeps reports nothing, which the alarms take for no shortfall, and where it
 * reports late, a 0 in the newest minute would keep them from ever going off.
 */
const tickets = 'waiting + held';

/**
 * Jobs for which no instance has been asked. It counts instances that were asked for, not those in service: neither the
 * minutes of a boot nor a replacement that is on its way makes it ask twice. A queue that has slept for hours reports
 * late; submitting a job therefore asks for an instance directly, and this is the safety net.
 */
export function jobsWithoutWorker(demand: FleetDemand): cloudwatch.MathExpression {
  const { waiting, held, spotDesired, onDemandDesired } = demand;
  return new cloudwatch.MathExpression({
    label: 'Jobs without a worker',
    expression: `${tickets} - ${known('spot')}${onDemandDesired === undefined ? '' : ` - ${known('fallback')}`}`,
    usingMetrics: {
      waiting,
      held,
      spot: spotDesired,
      ...(onDemandDesired === undefined ? {} : { fallback: onDemandDesired }),
    },
    period: minute,
  });
}

/**
 * Jobs for which Spot instances were asked but not given: 0 while the group has what it asked for, also when there are
 * more jobs than it may have instances. Instances of the fallback group count as soon as they were asked for.
 */
export function jobsWithoutCapacity(demand: FleetDemand): cloudwatch.MathExpression {
  const { waiting, held, spotDesired, spotInService, onDemandDesired } = demand;
  const unserved = `${tickets} - ${known('running')}${onDemandDesired === undefined ? '' : ` - ${known('fallback')}`}`;
  return new cloudwatch.MathExpression({
    label: 'Jobs without capacity',
    expression: `IF(${known('asked')} > ${known('running')}, ${unserved}, 0)`,
    usingMetrics: {
      waiting,
      held,
      asked: spotDesired,
      running: spotInService,
      ...(onDemandDesired === undefined ? {} : { fallback: onDemandDesired }),
    },
    period: minute,
  });
}

/**
 * Metrics of a group are a minute or two behind. While an alarm stands, its policy acts every minute; this long it counts
 * what it has just asked for, so that it asks once.
 */
const metricsDelay = Duration.minutes(3);

export interface JobScalingProps {
  readonly group: autoscaling.AutoScalingGroup;
  /** Instances that are missing. */
  readonly missing: cloudwatch.MathExpression;
  /** In a row, of one minute each: so long must they be missing. */
  readonly minutes: number;
}

/** Asks for instances while jobs have none. Several at a time for many jobs; no instance is ever taken away here. */
export class JobScaling extends Construct {
  constructor(scope: Construct, id: string, { group, missing, minutes }: JobScalingProps) {
    super(scope, id);
    const action = new autoscaling.StepScalingAction(this, 'Out', {
      autoScalingGroup: group,
      adjustmentType: autoscaling.AdjustmentType.CHANGE_IN_CAPACITY,
      metricAggregationType: autoscaling.MetricAggregationType.MAXIMUM,
      estimatedInstanceWarmup: metricsDelay,
    });
    // Relative to the threshold of 1: one job, two or three, four and more.
    action.addAdjustment({ adjustment: 1, lowerBound: 0, upperBound: 1 });
    action.addAdjustment({ adjustment: 2, lowerBound: 1, upperBound: 3 });
    action.addAdjustment({ adjustment: 4, lowerBound: 3 });
    const alarm = new cloudwatch.Alarm(this, 'Missing', {
      alarmDescription: 'Starts instances. Not a fault.',
      metric: missing,
      threshold: 1,
      comparisonOperator: cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      evaluationPeriods: minutes,
      treatMissingData: cloudwatch.TreatMissingData.NOT_BREACHING,
    });
    alarm.addAlarmAction({ bind: () => ({ alarmActionArn: action.scalingPolicyArn }) });
  }
}
