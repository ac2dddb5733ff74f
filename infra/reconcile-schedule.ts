import {
  Duration,
  Stack,
  type aws_cloudwatch as cloudwatch,
  aws_events as events,
  aws_events_targets as targets,
  aws_iam as iam,
  type aws_kms as kms,
  aws_lambda as lambda,
  type aws_logs as logs,
  type aws_s3 as s3,
  type aws_sqs as sqs,
  Validations,
} from 'aws-cdk-lib';
import { Construct } from 'constructs';
import { fleetMetricsDimension } from '../lib/contract/fleet-metrics.ts';
import { workerEnvironment } from '../lib/contract/worker-environment.ts';
import { acknowledgeWildcards } from './acknowledge-wildcards.ts';
import { fleetLogGroup } from './fleet-log-group.ts';
import { reconcileInterval } from './fleet-metric.ts';
import { reconcileBundle } from './bundles.ts';
import { listingBelow } from './listing-condition.ts';

export interface ReconcileScheduleProps {
  readonly store: string;
  readonly bucket: s3.IBucket;
  readonly jobs: sqs.IQueue;
  readonly encryptionKey: kms.IKey | undefined;
  readonly logRetention: logs.RetentionDays;
  readonly deleteDataWithStack: boolean;
}

/**
 * Looks at every journal now and then: a job that could run and has lost its ticket gets a new one, requests to jobs that
 * nobody owns are answered, and the fleet's metrics are printed. A run that fails is followed by the next; an alarm says
 * so when two fail.
 */
export class ReconcileSchedule extends Construct {
  readonly errors: cloudwatch.Metric;

  constructor(scope: Construct, id: string, props: ReconcileScheduleProps) {
    super(scope, id);
    const { folder, handler } = reconcileBundle();
    const logGroup = fleetLogGroup(this, 'Logs', { ...props, retention: props.logRetention });
    const fn = new lambda.Function(this, 'Function', {
      description: 'Holdfast: sends lost tickets again and measures the fleet',
      runtime: lambda.Runtime.NODEJS_22_X,
      architecture: lambda.Architecture.ARM_64,
      handler,
      code: lambda.Code.fromAsset(folder),
      role: this.#role(props, logGroup),
      logGroup,
      // Memory is what Lambda gives processor time by; the work is a request or two for each job.
      memorySize: 512,
      timeout: Duration.minutes(5),
      environment: {
        [workerEnvironment.store]: props.store,
        [workerEnvironment.queue]: props.jobs.queueUrl,
        [fleetMetricsDimension.environment]: Stack.of(this).stackName,
      },
      retryAttempts: 0,
    });
    Validations.of(fn).acknowledge({
      id: 'AwsSolutions-L1',
      reason: 'Node.js 22 is the version that workers run on: one version of Node.js is tested everywhere.',
    });
    new events.Rule(this, 'Schedule', {
      schedule: events.Schedule.rate(reconcileInterval),
      targets: [new targets.LambdaFunction(fn, { retryAttempts: 0 })],
    });
    this.errors = fn.metricErrors({ period: reconcileInterval });
  }

  #role({ bucket, jobs, encryptionKey }: ReconcileScheduleProps, logGroup: logs.ILogGroup): iam.Role {
    const role = new iam.Role(this, 'Role', {
      assumedBy: new iam.ServicePrincipal('lambda.amazonaws.com'),
      description: 'Holdfast: the scheduled function',
    });
    const objects = new iam.PolicyStatement({
      sid: 'Journals',
      actions: ['s3:GetObject', 's3:PutObject'],
      resources: [bucket.arnForObjects('jobs/*')],
    });
    const dropped = new iam.PolicyStatement({
      sid: 'DroppedCheckpoints',
      actions: ['s3:DeleteObject'],
      resources: [bucket.arnForObjects('jobs/*/checkpoints/*')],
    });
    const listing = new iam.PolicyStatement({
      sid: 'Listing',
      actions: ['s3:ListBucket'],
      resources: [bucket.bucketArn],
      conditions: listingBelow(['jobs/']),
    });
    const tickets = new iam.PolicyStatement({
      sid: 'Tickets',
      actions: ['sqs:SendMessage', 'sqs:GetQueueAttributes', 'sqs:GetQueueUrl'],
      resources: [jobs.queueArn],
    });
    const lines = new iam.PolicyStatement({
      sid: 'Logs',
      actions: ['logs:CreateLogStream', 'logs:PutLogEvents'],
      resources: [logGroup.logGroupArn],
    });
    for (const statement of [objects, dropped, listing, tickets, lines]) role.addToPolicy(statement);
    if (encryptionKey !== undefined)
      role.addToPolicy(
        new iam.PolicyStatement({
          sid: 'Key',
          actions: ['kms:Decrypt', 'kms:GenerateDataKey'],
          resources: [encryptionKey.keyArn],
        }),
      );
    const reason = 'Keys are named by job as jobs come; journals cannot be deleted.';
    acknowledgeWildcards(role, [
      { statement: objects, reason },
      { statement: dropped, reason },
      { statement: lines, reason: 'The streams of the one log group of this function.' },
    ]);
    return role;
  }
}
