import { expect, it } from 'vitest';
import {
  fleetMetrics,
  fleetMetricsLine,
  fleetMetricsNamespace,
} from '../../../lib/contract/fleet-metrics.ts';

const values = {
  runningJobs: 3,
  waitingJobs: 1,
  longestWait: 40.5,
  oldestCheckpointAge: 125,
  ticketsRepaired: 0,
  failedJobs: 2,
};

it('prints every metric of the fleet as one line that CloudWatch reads as metrics', () => {
  const at = new Date('2026-11-01T12:00:00.000Z');
  const line = fleetMetricsLine({ deployment: 'Holdfast', at, values });
  expect(line).not.toContain('\n');
  const { _aws: described, ...rest } = JSON.parse(line);
  expect(described.Timestamp).toBe(at.getTime());
  const [{ Namespace: namespace, Dimensions: dimensions, Metrics: metrics }] = described.CloudWatchMetrics;
  expect(namespace).toBe(fleetMetricsNamespace);
  expect(dimensions).toEqual([['Deployment']]);
  expect(metrics.map(({ Name: name }: { readonly Name: string }) => name)).toEqual(
    Object.values(fleetMetrics),
  );
  expect(metrics).toContainEqual({ Name: 'OldestCheckpointAge', Unit: 'Seconds' });
  // What is described must be there, and the dimension too: CloudWatch drops a line without a word otherwise.
  expect(rest).toEqual({
    Deployment: 'Holdfast',
    RunningJobs: 3,
    WaitingJobs: 1,
    LongestWait: 40.5,
    OldestCheckpointAge: 125,
    TicketsRepaired: 0,
    FailedJobs: 2,
  });
});
