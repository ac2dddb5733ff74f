import {
  ArnFormat,
  Stack,
  aws_iam as iam,
  type aws_kms as kms,
  type aws_logs as logs,
  type aws_s3 as s3,
  type aws_sqs as sqs,
} from 'aws-cdk-lib';
import { Construct } from 'constructs';
import { instanceTags } from '../lib/contract/worker-environment.ts';
import { acknowledgeWildcards } from './acknowledge-wildcards.ts';
import { listingBelow } from './listing-condition.ts';
import { type GroupNames, groupArn, namesIn } from './worker-groups.ts';
import type { WorkerImage } from './worker-image.ts';

export interface WorkerRoleProps {
  readonly bucket: s3.IBucket;
  readonly jobs: sqs.IQueue;
  readonly deadLetters: sqs.IQueue;
  readonly logGroup: logs.ILogGroup;
  readonly groups: GroupNames;
  readonly encryptionKey: kms.IKey | undefined;
  /** One object of the bucket of all assets, and the one repository where there is an image. */
  readonly image: Pick<WorkerImage, 'bundle' | 'repository'>;
  /** Lets people open a shell by Session Manager. */
  readonly sessionManager: boolean;
}

interface Reasoned {
  readonly statement: iam.PolicyStatement;
  /** Why a resource of the statement ends in a star. */
  readonly reason: string;
}

/**
 * What an instance may do, statement by statement: nothing is granted through a helper, since those grant more. The
 * program of a job runs with these rights; docs/security.md says what that means.
 */
export class WorkerRole extends Construct {
  readonly role: iam.Role;

  constructor(scope: Construct, id: string, props: WorkerRoleProps) {
    super(scope, id);
    this.role = new iam.Role(this, 'Role', {
      assumedBy: new iam.ServicePrincipal('ec2.amazonaws.com'),
      description: 'Holdfast workers',
    });
    const all = [
      ...objectStatements(props),
      ...queueStatements(props),
      ...fleetStatements(this, props),
      ...machineStatements(this, props),
      ...imageStatements(props),
    ];
    for (const { statement } of all) this.role.addToPolicy(statement);
    acknowledgeWildcards(this.role, all);
  }
}

const without = (statement: iam.PolicyStatementProps): Reasoned => ({
  statement: new iam.PolicyStatement(statement),
  reason: 'Every resource is named.',
});

function objectStatements(props: WorkerRoleProps): readonly Reasoned[] {
  const { bucket, encryptionKey } = props;
  const { bundle } = props.image;
  const below = (...prefixes: readonly string[]): string[] =>
    prefixes.map((prefix) => bucket.arnForObjects(`${prefix}*`));
  const prefixes = ['jobs/', 'programs/', 'inputs/', 'probes/', 'runtime/'];
  const keys =
    'Keys below a prefix are named by job, digest or nonce as jobs come; the prefixes are all that the bucket holds.';
  return [
    {
      statement: new iam.PolicyStatement({
        sid: 'Objects',
        actions: ['s3:GetObject', 's3:PutObject'],
        resources: below(...prefixes),
      }),
      reason: keys,
    },
    {
      statement: new iam.PolicyStatement({
        sid: 'DroppedCheckpoints',
        actions: ['s3:DeleteObject'],
        resources: below('jobs/*/checkpoints/', 'probes/'),
      }),
      reason: `${keys} Journals, programs and inputs cannot be deleted, and no version of anything.`,
    },
    without({
      sid: 'Listing',
      actions: ['s3:ListBucket'],
      resources: [bucket.bucketArn],
      conditions: listingBelow(prefixes),
    }),
    without({
      sid: 'Bundle',
      actions: ['s3:GetObject'],
      resources: [
        Stack.of(bucket).formatArn({
          service: 's3',
          region: '',
          account: '',
          resource: bundle.bucketName,
          resourceName: bundle.objectKey,
        }),
      ],
    }),
    ...(encryptionKey === undefined
      ? []
      : [
          without({
            sid: 'Key',
            actions: ['kms:Decrypt', 'kms:GenerateDataKey'],
            resources: [encryptionKey.keyArn],
          }),
        ]),
  ];
}

function queueStatements({ jobs, deadLetters }: WorkerRoleProps): readonly Reasoned[] {
  return [
    without({
      sid: 'Tickets',
      actions: [
        'sqs:ReceiveMessage',
        'sqs:ChangeMessageVisibility',
        'sqs:DeleteMessage',
        'sqs:SendMessage',
        'sqs:GetQueueAttributes',
        'sqs:GetQueueUrl',
      ],
      resources: [jobs.queueArn],
    }),
    without({ sid: 'DeadLetters', actions: ['sqs:SendMessage'], resources: [deadLetters.queueArn] }),
  ];
}

function fleetStatements(scope: Construct, { groups }: WorkerRoleProps): readonly Reasoned[] {
  const stack = Stack.of(scope);
  const own = [...namesIn(groups)];
  return [
    {
      statement: new iam.PolicyStatement({
        sid: 'OwnGroups',
        actions: [
          'autoscaling:SetInstanceProtection',
          'autoscaling:CompleteLifecycleAction',
          'autoscaling:TerminateInstanceInAutoScalingGroup',
          'autoscaling:SetInstanceHealth',
        ],
        resources: own.map((name) => groupArn(scope, name)),
      }),
      reason: 'The groups are named; the star stands for an id that EC2 Auto Scaling makes up.',
    },
    {
      statement: new iam.PolicyStatement({
        sid: 'LookAround',
        actions: ['autoscaling:DescribeAutoScalingInstances', 'autoscaling:DescribeAutoScalingGroups'],
        resources: ['*'],
      }),
      reason: 'These actions know no resources: IAM takes only a star for them.',
    },
    {
      statement: new iam.PolicyStatement({
        sid: 'OwnTags',
        actions: ['ec2:CreateTags', 'ec2:DeleteTags'],
        resources: [stack.formatArn({ service: 'ec2', resource: 'instance', resourceName: '*' })],
        conditions: {
          StringEquals: { 'aws:ResourceTag/aws:autoscaling:groupName': own },
          'ForAllValues:StringEquals': { 'aws:TagKeys': Object.values(instanceTags) },
        },
      }),
      reason: 'Instances come and go; the conditions allow two tags on instances of the own groups alone.',
    },
  ];
}

/** What the systems manager's agent asks for when a person opens a shell. */
const sessionActions = [
  'ssm:UpdateInstanceInformation',
  'ssmmessages:CreateControlChannel',
  'ssmmessages:CreateDataChannel',
  'ssmmessages:OpenControlChannel',
  'ssmmessages:OpenDataChannel',
];

function machineStatements(scope: Construct, props: WorkerRoleProps): readonly Reasoned[] {
  const streams = Stack.of(scope).formatArn({
    service: 'logs',
    resource: 'log-group',
    resourceName: `${props.logGroup.logGroupName}:log-stream:*`,
    arnFormat: ArnFormat.COLON_RESOURCE_NAME,
  });
  const logs: Reasoned = {
    statement: new iam.PolicyStatement({
      sid: 'Logs',
      actions: ['logs:CreateLogStream', 'logs:DescribeLogStreams', 'logs:PutLogEvents'],
      resources: [props.logGroup.logGroupArn, streams],
    }),
    reason: 'Streams of one log group; each instance makes its own.',
  };
  const session: Reasoned = {
    statement: new iam.PolicyStatement({
      sid: 'SessionManager',
      actions: sessionActions,
      resources: ['*'],
    }),
    reason: 'Session Manager, which was asked for, knows no resources for these actions.',
  };
  return props.sessionManager ? [logs, session] : [logs];
}

function imageStatements({ image: { repository } }: WorkerRoleProps): readonly Reasoned[] {
  if (repository === undefined) return [];
  return [
    without({
      sid: 'Image',
      actions: ['ecr:BatchCheckLayerAvailability', 'ecr:GetDownloadUrlForLayer', 'ecr:BatchGetImage'],
      resources: [repository.repositoryArn],
    }),
    {
      statement: new iam.PolicyStatement({
        sid: 'Registry',
        actions: ['ecr:GetAuthorizationToken'],
        resources: ['*'],
      }),
      reason: 'The action knows no resources: IAM takes only a star for it.',
    },
  ];
}
