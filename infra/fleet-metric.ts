import { Duration, Stack, aws_cloudwatch as cloudwatch } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import {
  type FleetMetric,
  fleetMetrics,
  fleetMetricsDimension,
  fleetMetricsNamespace,
} from '../lib/contract/fleet-metrics.ts';

/** How often the scheduled function looks at every journal, and so how often it prints the fleet's metrics. */
export const reconcileInterval = Duration.minutes(15);

/** A metric of the fleet, as the scheduled function prints it. */
export function fleetMetric(scope: Construct, metric: FleetMetric): cloudwatch.Metric {
  return new cloudwatch.Metric({
    namespace: fleetMetricsNamespace,
    metricName: fleetMetrics[metric],
    dimensionsMap: { [fleetMetricsDimension.name]: Stack.of(scope).stackName },
    statistic: cloudwatch.Stats.MAXIMUM,
    period: reconcileInterval,
  });
}
