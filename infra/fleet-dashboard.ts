import { Duration, aws_cloudwatch as cloudwatch, type aws_sqs as sqs } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { fleetMetric } from './fleet-metric.ts';
import type { FleetDemand } from './job-scaling.ts';

export interface FleetDashboardProps {
  readonly alarms: readonly cloudwatch.IAlarm[];
  readonly demand: FleetDemand;
  readonly withoutWorker: cloudwatch.IMetric;
  readonly withoutCapacity: cloudwatch.IMetric;
  readonly interruptions: cloudwatch.IMetric;
  readonly launchFailures: cloudwatch.IMetric;
  readonly deadLetters: sqs.IQueue;
}

/** The fleet on one page: faults, jobs, instances, interruptions. A job's own page is its journal. */
export function fleetDashboard(
  scope: Construct,
  id: string,
  props: FleetDashboardProps,
): cloudwatch.Dashboard {
  const { demand } = props;
  return new cloudwatch.Dashboard(scope, id, {
    defaultInterval: Duration.hours(12),
    widgets: [
      [
        new cloudwatch.AlarmStatusWidget({
          title: 'Alarms',
          alarms: [...props.alarms],
          width: 24,
          height: 3,
        }),
      ],
      [
        graph('Tickets', [
          demand.waiting,
          demand.held,
          props.deadLetters.metricApproximateNumberOfMessagesVisible({ label: 'Dead letters' }),
        ]),
        graph('Instances', [
          demand.spotDesired,
          demand.spotInService,
          ...(demand.onDemandDesired === undefined ? [] : [demand.onDemandDesired]),
        ]),
      ],
      [
        graph('Jobs', [fleetMetric(scope, 'runningJobs'), fleetMetric(scope, 'waitingJobs')]),
        graph('Without a worker', [props.withoutWorker, props.withoutCapacity]),
      ],
      [
        graph('Seconds at risk and in wait', [
          fleetMetric(scope, 'oldestCheckpointAge'),
          fleetMetric(scope, 'longestWait'),
        ]),
        graph('Interruptions and failed launches', [props.interruptions, props.launchFailures]),
      ],
    ],
  });
}

function graph(title: string, left: readonly cloudwatch.IMetric[]): cloudwatch.GraphWidget {
  return new cloudwatch.GraphWidget({ title, left: [...left], width: 12, leftYAxis: { min: 0 } });
}
