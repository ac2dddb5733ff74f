import {
  Duration,
  aws_cloudwatch as cloudwatch,
  type aws_sns as sns,
  type aws_sqs as sqs,
} from 'aws-cdk-lib';
import { Construct } from 'constructs';
import { fleetMetric } from './fleet-metric.ts';

export interface FleetAlarmsProps {
  readonly deadLetters: sqs.IQueue;
  readonly launchFailures: cloudwatch.Metric;
  readonly brokenInstances: cloudwatch.Metric;
  readonly withoutCapacity: cloudwatch.IMetric;
  readonly reconcileErrors: cloudwatch.IMetric;
  /** Told of every alarm; without it alarms only show. */
  readonly topic: sns.ITopic | undefined;
}

interface Fault {
  readonly description: string;
  readonly metric: cloudwatch.IMetric;
  readonly threshold: number;
  readonly periods: number;
}

/** An hour of work is what the loss of one machine may cost before somebody should look. */
const checkpointAgeMax = Duration.hours(1);
/** Spot capacity comes and goes; half an hour without any is worth a look at types, zones and quotas. */
const withoutCapacityMinutes = 30;
/** Single launches fail whenever a pool runs dry, and the next pool serves. A group that gets nothing tries ever more rarely. */
const launchFailures = { max: 3, period: Duration.minutes(15), periods: 2 };
/**
 * One machine may be broken. Where none gets through its boot, or no worker likes its settings, each costs ten to twenty
 * minutes and another one follows, for as long as a ticket waits: nothing else tells of that.
 */
const brokenInstances = { max: 3, period: Duration.hours(1) };

/** What a person should hear of. docs/runbook.md says what each means and what to type. */
export class FleetAlarms extends Construct {
  readonly alarms: readonly cloudwatch.Alarm[];

  constructor(scope: Construct, id: string, props: FleetAlarmsProps) {
    super(scope, id);
    this.alarms = Object.entries(this.#faults(props)).map(([name, fault]) => this.#alarm(name, fault));
    const { topic } = props;
    if (topic === undefined) return;
    for (const alarm of this.alarms)
      alarm.addAlarmAction({ bind: () => ({ alarmActionArn: topic.topicArn }) });
  }

  #faults(props: FleetAlarmsProps): Readonly<Record<string, Fault>> {
    return {
      DeadLetters: {
        description: 'A message that no worker can read, or the ticket of a job that fails without end.',
        metric: props.deadLetters.metricApproximateNumberOfMessagesVisible({
          period: Duration.minutes(5),
          statistic: cloudwatch.Stats.MAXIMUM,
        }),
        threshold: 1,
        periods: 1,
      },
      LaunchFailures: {
        description: 'EC2 could not start instances: no Spot capacity, or no quota for G and P instances.',
        metric: props.launchFailures.with({ period: launchFailures.period }),
        threshold: launchFailures.max,
        periods: launchFailures.periods,
      },
      BrokenInstances: {
        description:
          'Instances boot, find that they cannot work, and are replaced: each costs and none trains.',
        metric: props.brokenInstances.with({ period: brokenInstances.period }),
        threshold: brokenInstances.max,
        periods: 1,
      },
      NoCapacity: {
        description: `Jobs have waited ${withoutCapacityMinutes} minutes for instances that were asked for.`,
        metric: props.withoutCapacity,
        threshold: 1,
        periods: withoutCapacityMinutes,
      },
      CheckpointAge: {
        description: 'A running job has not saved for an hour: the loss of its machine would cost that much.',
        metric: fleetMetric(this, 'oldestCheckpointAge'),
        threshold: checkpointAgeMax.toSeconds(),
        periods: 1,
      },
      ReconcileErrors: {
        description:
          'The scheduled function fails: jobs that lost their ticket are not found, and metrics stop.',
        metric: props.reconcileErrors,
        threshold: 1,
        periods: 2,
      },
    };
  }

  #alarm(id: string, { description, metric, threshold, periods }: Fault): cloudwatch.Alarm {
    return new cloudwatch.Alarm(this, id, {
      alarmDescription: description,
      metric,
      threshold,
      comparisonOperator: cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      evaluationPeriods: periods,
      treatMissingData: cloudwatch.TreatMissingData.NOT_BREACHING,
    });
  }
}
