/**
 * Metrics of a deployment as a whole, which only somebody who reads every journal can know. The scheduled function prints
 * them as one line of CloudWatch's embedded metric format into its log; the stack's alarms and dashboard read them.
 */
export const fleetMetricsNamespace = 'Holdfast';

/** The one dimension: the name of the stack, which the scheduled function learns from this variable of its environment. */
export const fleetMetricsDimension = { name: 'Deployment', environment: 'HOLDFAST_DEPLOYMENT' } as const;

/** Names of the metrics in CloudWatch. */
export const fleetMetrics = {
  /** Jobs with an open claim. */
  runningJobs: 'RunningJobs',
  /** Jobs that could run and have no live owner. */
  waitingJobs: 'WaitingJobs',
  /** Seconds since the newest entry of the job that has waited longest; 0 when none waits. */
  longestWait: 'LongestWait',
  /**
   * Seconds since the newest checkpoint, or since the claim where that is later, of the running job for which they are
   * most: what the loss of its machine without any notice would cost. 0 when none runs.
   */
  oldestCheckpointAge: 'OldestCheckpointAge',
  /** Tickets that were sent again for jobs that had lost theirs. */
  ticketsRepaired: 'TicketsRepaired',
  /** Jobs whose end is `failed`. */
  failedJobs: 'FailedJobs',
} as const;

export type FleetMetric = keyof typeof fleetMetrics;

const isFleetMetric = (key: string): key is FleetMetric => key in fleetMetrics;

const units: Readonly<Record<FleetMetric, 'Count' | 'Seconds'>> = {
  runningJobs: 'Count',
  waitingJobs: 'Count',
  longestWait: 'Seconds',
  oldestCheckpointAge: 'Seconds',
  ticketsRepaired: 'Count',
  failedJobs: 'Count',
};

/**
 * One line of a log, without its newline, that CloudWatch reads as metrics (embedded metric format). It must be written
 * to stdout as it is: `console` of a function's runtime puts a prefix before it.
 */
export function fleetMetricsLine(options: {
  readonly deployment: string;
  readonly at: Date;
  readonly values: Readonly<Record<FleetMetric, number>>;
}): string {
  const { deployment, at, values } = options;
  const metrics = Object.keys(fleetMetrics)
    .filter(isFleetMetric)
    .map((metric) => ({
      name: fleetMetrics[metric],
      unit: units[metric],
      value: values[metric],
    }));
  return JSON.stringify({
    _aws: {
      Timestamp: at.getTime(),
      CloudWatchMetrics: [
        {
          Namespace: fleetMetricsNamespace,
          Dimensions: [[fleetMetricsDimension.name]],
          Metrics: metrics.map(({ name, unit }) => ({ Name: name, Unit: unit })),
        },
      ],
    },
    [fleetMetricsDimension.name]: deployment,
    ...Object.fromEntries(metrics.map(({ name, value }) => [name, value])),
  });
}
