import {
  App,
  Duration,
  Stack,
  Tags,
  aws_ec2 as ec2,
  aws_iam as iam,
  aws_kms as kms,
  aws_s3 as s3,
  aws_sns as sns,
} from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { describe, expect, it } from 'vitest';
import { deploymentOutputs } from '../../lib/contract/deployment.ts';
import { fleetMetricsNamespace } from '../../lib/contract/fleet-metrics.ts';
import { instanceTags, interruptTag, terminateHookName } from '../../lib/contract/worker-environment.ts';
import { SpotTraining } from '../../infra/spot-training.ts';
import { type Resource, aFleetStack, onlyResource, resourcesOf } from '../support/fleet-stack.ts';

/** Most tests look at the fleet as it comes. */
const { template } = aFleetStack();

interface Statement {
  readonly Sid?: string;
  readonly Effect: string;
  readonly Principal?: unknown;
  readonly Action: string | readonly string[];
  readonly Resource: Resource['Properties'][string];
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

const listOf = <T>(value: T | readonly T[]): readonly T[] => (Array.isArray(value) ? value : [value as T]);

/** Every statement of every policy of roles, with the policy's logical id. */
function roleStatements(from: Template): ReadonlyArray<Statement & { readonly policy: string }> {
  return [...resourcesOf(from, 'AWS::IAM::Policy')].flatMap(([policy, { Properties }]) =>
    (Properties['PolicyDocument'].Statement as Statement[]).map((statement) => ({ ...statement, policy })),
  );
}

/** What workers may do, by the name of the statement. */
function workerStatements(from: Template): Readonly<Record<string, Statement>> {
  const own = roleStatements(from).filter(({ policy }) => policy.startsWith('TrainingAccessRole'));
  return Object.fromEntries(own.map((statement) => [statement.Sid, statement]));
}

describe('the object store', () => {
  const [, bucket] = [...resourcesOf(template, 'AWS::S3::Bucket')].find(([id]) =>
    id.includes('CheckpointsBucket'),
  )!;
  const buckets = [...resourcesOf(template, 'AWS::S3::Bucket').values()];
  const policies = [...resourcesOf(template, 'AWS::S3::BucketPolicy').values()].map(
    ({ Properties }) => Properties['PolicyDocument'].Statement as Statement[],
  );

  it('is encrypted, versioned and closed to the public', () => {
    expect(buckets).toHaveLength(2);
    for (const { Properties } of buckets) {
      expect(Properties['BucketEncryption'].ServerSideEncryptionConfiguration).toHaveLength(1);
      expect(Properties['PublicAccessBlockConfiguration']).toEqual({
        BlockPublicAcls: true,
        BlockPublicPolicy: true,
        IgnorePublicAcls: true,
        RestrictPublicBuckets: true,
      });
    }
    expect(bucket.Properties['VersioningConfiguration']).toEqual({ Status: 'Enabled' });
    expect(bucket.Properties['OwnershipControls']).toEqual({
      Rules: [{ ObjectOwnership: 'BucketOwnerEnforced' }],
    });
    expect(bucket.Properties['LoggingConfiguration']).toBeDefined();
  });

  it('answers nobody without TLS 1.2', () => {
    expect(policies).toHaveLength(2);
    for (const statements of policies) {
      const denied = statements.filter(({ Effect, Action }) => Effect === 'Deny' && Action === 's3:*');
      expect(denied.map(({ Condition }) => Condition)).toEqual([
        { Bool: { 'aws:SecureTransport': 'false' } },
        { NumericLessThan: { 's3:TlsVersion': 1.2 } },
      ]);
      for (const { Principal } of denied) expect(Principal).toEqual({ AWS: '*' });
    }
  });

  it('lets nobody write a slot of a journal without a condition', () => {
    const [once] = policies.flat().filter(({ Sid }) => Sid === 'JournalIsWrittenOnce');
    expect(once).toMatchObject({
      Effect: 'Deny',
      Principal: { AWS: '*' },
      Action: 's3:PutObject',
      Condition: { Null: { 's3:if-none-match': 'true' } },
    });
    expect(JSON.stringify(once?.Resource)).toContain('/jobs/*/journal/*');
  });

  it('keeps what was overwritten or deleted for the recovery window, and probes for a day', () => {
    expect(bucket.Properties['LifecycleConfiguration'].Rules).toEqual([
      expect.objectContaining({
        NoncurrentVersionExpiration: { NoncurrentDays: 7 },
        ExpiredObjectDeleteMarker: true,
        AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 },
      }),
      expect.objectContaining({ Prefix: 'probes/', ExpirationInDays: 1 }),
    ]);
    const other = aFleetStack({ recoveryWindow: Duration.days(30) }).template;
    expect(JSON.stringify(other.toJSON())).toContain('"NoncurrentDays":30');
  });

  it('expires nothing else: no rule ends the life of a job', () => {
    const rules: readonly Record<string, unknown>[] = bucket.Properties['LifecycleConfiguration'].Rules;
    const ending = rules.filter((rule) => 'ExpirationInDays' in rule || 'ExpirationDate' in rule);
    expect(ending.map(({ Prefix }) => Prefix)).toEqual(['probes/']);
  });

  it('may be a bucket that exists, which keeps its own policy', () => {
    const given = aFleetStack((stack) => ({
      bucket: s3.Bucket.fromBucketName(stack, 'Given', 'left-behind'),
    })).template;
    expect(resourcesOf(given, 'AWS::S3::Bucket').size).toBe(0);
    expect(JSON.stringify(given.findOutputs(deploymentOutputs.store))).toBe('{}');
    expect(JSON.stringify(workerStatements(given)['Objects']?.Resource)).toContain('left-behind/jobs/*');
  });
});

describe('what outlives the stack', () => {
  /** Types whose resources hold something that cannot be made again, or the rules by which it is held. */
  const stateful = ['AWS::S3::Bucket', 'AWS::S3::BucketPolicy', 'AWS::Logs::LogGroup', 'AWS::SQS::Queue'];
  const deletions = (from: Template): Record<string, unknown> =>
    Object.fromEntries(
      stateful.flatMap((type) =>
        [...resourcesOf(from, type)].map(([id, { DeletionPolicy, UpdateReplacePolicy }]) => {
          expect(UpdateReplacePolicy).toBe(DeletionPolicy);
          return [id.replace(/^Training|[0-9A-F]{8}$/g, ''), DeletionPolicy];
        }),
      ),
    );

  it('is everything that holds data; tickets and the log of the network go', () => {
    expect(deletions(template)).toEqual({
      CheckpointsAccessLogs: 'Retain',
      CheckpointsBucket: 'Retain',
      CheckpointsAccessLogsPolicy: 'Retain',
      CheckpointsBucketPolicy: 'Retain',
      Logs: 'Retain',
      ReconcileLogs: 'Retain',
      QueuesDeadLetters: 'Retain',
      QueuesJobs: 'Delete',
      NetworkFlowLogs: 'Delete',
    });
  });

  it('is nothing when the data is to go with the stack', () => {
    const { template: all } = aFleetStack({ deleteDataWithStack: true });
    expect(new Set(Object.values(deletions(all)))).toEqual(new Set(['Delete']));
    all.resourceCountIs('Custom::S3AutoDeleteObjects', 2);
    template.resourceCountIs('Custom::S3AutoDeleteObjects', 0);
  });
});

describe('the queues', () => {
  it('keep messages for 14 days, encrypted, and answer nobody without TLS', () => {
    const queues = [...resourcesOf(template, 'AWS::SQS::Queue').values()];
    expect(queues).toHaveLength(2);
    for (const { Properties } of queues)
      expect(Properties).toMatchObject({ MessageRetentionPeriod: 1_209_600, SqsManagedSseEnabled: true });
    const policies = [...resourcesOf(template, 'AWS::SQS::QueuePolicy').values()];
    expect(policies).toHaveLength(2);
    for (const { Properties } of policies)
      expect(Properties['PolicyDocument'].Statement).toEqual([
        expect.objectContaining({ Effect: 'Deny', Condition: { Bool: { 'aws:SecureTransport': 'false' } } }),
      ]);
  });

  it('hides a ticket for 120 s and gives up on a message only after a thousand receives', () => {
    template.hasResourceProperties('AWS::SQS::Queue', {
      VisibilityTimeout: 120,
      ReceiveMessageWaitTimeSeconds: 20,
      RedriveAllowPolicy: { redrivePermission: 'denyAll' },
      RedrivePolicy: { maxReceiveCount: 1_000 },
    });
  });
});

describe('a key of your own', () => {
  const { template: keyed } = aFleetStack((stack) => ({ encryptionKey: new kms.Key(stack, 'Key') }));

  it('encrypts bucket, queues and logs, and S3 asks for it by bucket key', () => {
    const key = { 'Fn::GetAtt': [expect.stringMatching(/^Key/), 'Arn'] };
    keyed.hasResourceProperties('AWS::S3::Bucket', {
      BucketEncryption: {
        ServerSideEncryptionConfiguration: [
          { BucketKeyEnabled: true, ServerSideEncryptionByDefault: { SSEAlgorithm: 'aws:kms' } },
        ],
      },
    });
    for (const { Properties } of resourcesOf(keyed, 'AWS::SQS::Queue').values())
      expect(Properties['KmsMasterKeyId']).toEqual(key);
    for (const { Properties } of resourcesOf(keyed, 'AWS::Logs::LogGroup').values())
      expect(Properties['KmsKeyId']).toEqual(key);
  });

  it('may be used by workers, the scheduled function and CloudWatch Logs, and by nobody without need', () => {
    const users = roleStatements(keyed).filter(({ Sid }) => Sid === 'Key');
    expect(users.map(({ policy }) => policy.replace(/Default.*/, ''))).toEqual([
      'TrainingAccessRole',
      'TrainingReconcileRole',
    ]);
    for (const { Action } of users) expect(Action).toEqual(['kms:Decrypt', 'kms:GenerateDataKey']);
    const { Statement: ofKey } = onlyResource(keyed, 'AWS::KMS::Key').Properties['KeyPolicy'];
    const logs = (ofKey as Statement[]).filter(({ Sid }) => Sid === 'CloudWatchLogs');
    expect(logs).toHaveLength(1);
    expect(JSON.stringify(logs[0]?.Condition)).toContain('kms:EncryptionContext:aws:logs:arn');
  });
});

describe('the network', () => {
  it('lets nothing in', () => {
    template.resourceCountIs('AWS::EC2::SecurityGroupIngress', 0);
    const groups = [...resourcesOf(template, 'AWS::EC2::SecurityGroup').values()];
    expect(groups).toHaveLength(1);
    for (const { Properties } of groups) expect(Properties['SecurityGroupIngress']).toBeUndefined();
  });

  it('spans three zones with S3 by a gateway, without NAT, and logs its flows', () => {
    template.resourceCountIs('AWS::EC2::Subnet', 3);
    template.resourceCountIs('AWS::EC2::NatGateway', 0);
    template.resourceCountIs('AWS::EC2::FlowLog', 1);
    template.hasResourceProperties('AWS::EC2::VPCEndpoint', { VpcEndpointType: 'Gateway' });
    const zones = [...resourcesOf(template, 'AWS::EC2::Subnet').values()].map(
      ({ Properties }) => Properties['AvailabilityZone'],
    );
    expect(zones).toEqual([0, 1, 2].map((zone) => ({ 'Fn::Select': [zone, { 'Fn::GetAZs': '' }] })));
  });

  it('has as many zones as asked for', () => {
    aFleetStack({ zones: 5 }).template.resourceCountIs('AWS::EC2::Subnet', 5);
  });

  it('may be one that exists; then none is made, and instances go where it says', () => {
    const given = aFleetStack((stack) => ({
      vpc: ec2.Vpc.fromVpcAttributes(stack, 'Given', {
        vpcId: 'vpc-1',
        availabilityZones: ['eu-west-1a', 'eu-west-1b'],
        privateSubnetIds: ['subnet-1', 'subnet-2'],
        privateSubnetRouteTableIds: ['rtb-1', 'rtb-2'],
      }),
    })).template;
    given.resourceCountIs('AWS::EC2::VPC', 0);
    given.resourceCountIs('AWS::EC2::FlowLog', 0);
    given.hasResourceProperties('AWS::AutoScaling::AutoScalingGroup', {
      VPCZoneIdentifier: ['subnet-1', 'subnet-2'],
    });
    expect(onlyResource(given, 'AWS::EC2::SecurityGroup').Properties['VpcId']).toBe('vpc-1');
  });
});

describe('an instance', () => {
  const data = onlyResource(template, 'AWS::EC2::LaunchTemplate').Properties['LaunchTemplateData'];

  it('gives its metadata only for a session token, and to nobody a hop away', () => {
    expect(data.MetadataOptions).toEqual({ HttpTokens: 'required', HttpPutResponseHopLimit: 1 });
  });

  it('starts whatever tags an app gives it', () => {
    const { template: tagged } = aFleetStack({}, ({ training }) =>
      Tags.of(training).add('team/cost centre', 'a'),
    );
    const { LaunchTemplateData } = onlyResource(tagged, 'AWS::EC2::LaunchTemplate').Properties;
    expect(LaunchTemplateData.TagSpecifications[0].Tags).toContainEqual({
      Key: 'team/cost centre',
      Value: 'a',
    });
    // With tags in its metadata EC2 refuses to start an instance that has such a key.
    expect(LaunchTemplateData.MetadataOptions).not.toHaveProperty('InstanceMetadataTags');
  });

  it('has one encrypted disk that goes with it, and no key pair', () => {
    expect(data.BlockDeviceMappings).toEqual([
      {
        DeviceName: '/dev/xvda',
        Ebs: { DeleteOnTermination: true, Encrypted: true, VolumeSize: 100, VolumeType: 'gp3' },
      },
    ]);
    expect(data.KeyName).toBeUndefined();
    expect(data.InstanceInitiatedShutdownBehavior).toBe('terminate');
  });

  it('leaves the market to the group', () => {
    expect(data.InstanceMarketOptions).toBeUndefined();
    expect(data.InstanceType).toBeUndefined();
  });

  it('runs the image that AWS names at deployment, or the one that was given', () => {
    const parameter = Object.values(template.findParameters('*')).find(({ Type }) =>
      String(Type).includes('Image::Id'),
    );
    expect(parameter).toMatchObject({ Default: expect.stringMatching(/deeplearning.*amazon-linux-2023/) });
    const given = aFleetStack({ imageId: 'ami-12c6146b' }).template;
    expect(onlyResource(given, 'AWS::EC2::LaunchTemplate').Properties['LaunchTemplateData'].ImageId).toBe(
      'ami-12c6146b',
    );
    expect(
      Object.values(given.findParameters('*')).some(({ Type }) => String(Type).includes('Image::Id')),
    ).toBe(false);
  });

  it('is told by its boot script where everything is, in less than user data holds', () => {
    const parts: readonly unknown[] = data.UserData['Fn::Base64']['Fn::Join'][1];
    const text = parts.map((part) => (typeof part === 'string' ? part : 'x'.repeat(100))).join('');
    expect(Buffer.byteLength(text)).toBeLessThan(16_384);
    expect(text.startsWith('#!/bin/bash\n')).toBe(true);
    expect(text).toContain("auto_scaling_group='Holdfast-Training-spot'");
    expect(text).toContain("HOLDFAST_IDLE_EXIT_MS='600000'");
    const references = parts.filter((part) => typeof part !== 'string').map((part) => JSON.stringify(part));
    for (const one of ['AWS::Region', 'QueuesJobs', 'CheckpointsBucket', 'TrainingLogs'])
      expect(references.join()).toContain(one);
  });
});

describe('the Spot group', () => {
  const group = onlyResource(template, 'AWS::AutoScaling::AutoScalingGroup');
  const { InstancesDistribution: distribution, LaunchTemplate: launch } =
    group.Properties['MixedInstancesPolicy'];

  it('is Spot and nothing else, from the pools that are least likely to be interrupted at a good price', () => {
    expect(distribution).toEqual({
      OnDemandBaseCapacity: 0,
      OnDemandPercentageAboveBaseCapacity: 0,
      SpotAllocationStrategy: 'price-capacity-optimized',
    });
  });

  it('starts from nothing, up to four', () => {
    expect(group.Properties).toMatchObject({ MinSize: '0', MaxSize: '4', CapacityRebalance: false });
    expect(group.Properties['DesiredCapacity']).toBeUndefined();
  });

  it('is never rolled by a deployment: nothing replaces an instance that trains', () => {
    expect(Object.keys(group.UpdatePolicy ?? {})).toEqual(['AutoScalingScheduledAction']);
    expect(group.Properties['MaxInstanceLifetime']).toBeUndefined();
    expect(group.Properties['InstanceMaintenancePolicy']).toBeUndefined();
  });

  it('holds an instance that ends for five minutes, under the name that workers answer', () => {
    expect(group.Properties['LifecycleHookSpecificationList']).toEqual([
      {
        LifecycleHookName: terminateHookName,
        LifecycleTransition: 'autoscaling:EC2_INSTANCE_TERMINATING',
        HeartbeatTimeout: 300,
        DefaultResult: 'CONTINUE',
      },
    ]);
  });

  it('follows the newest version of its launch template', () => {
    expect(launch.LaunchTemplateSpecification.Version).toEqual({
      'Fn::GetAtt': [expect.stringContaining('Template'), 'LatestVersionNumber'],
    });
  });

  it('goes before the rights and the routes of its instances', () => {
    const needed = group.DependsOn ?? [];
    expect(needed.some((id) => id.startsWith('TrainingAccessRoleDefaultPolicy'))).toBe(true);
    expect(needed.filter((id) => id.includes('DefaultRoute'))).toHaveLength(3);
  });

  it('takes a list of types, or requirements', () => {
    const types = aFleetStack({ instanceTypes: ['g5.xlarge', 'p4d.24xlarge'] }).template;
    const overrides = (of: Template): unknown =>
      onlyResource(of, 'AWS::AutoScaling::AutoScalingGroup').Properties['MixedInstancesPolicy'].LaunchTemplate
        .Overrides;
    expect(overrides(types)).toEqual([{ InstanceType: 'g5.xlarge' }, { InstanceType: 'p4d.24xlarge' }]);
    const required = aFleetStack({ instanceRequirements: { memoryGibMin: 32, gpus: 4 } }).template;
    expect(overrides(required)).toEqual([
      {
        InstanceRequirements: {
          AllowedInstanceTypes: ['g4dn.*', 'g5.*', 'g6.*'],
          VCpuCount: { Min: 4 },
          MemoryMiB: { Min: 32 * 1024 },
          AcceleratorTypes: ['gpu'],
          AcceleratorManufacturers: ['nvidia'],
          AcceleratorCount: { Min: 4, Max: 4 },
        },
      },
    ]);
  });

  it('takes a highest price and capacity rebalancing where asked', () => {
    const { Properties } = onlyResource(
      aFleetStack({ spotMaxPrice: 0.5, capacityRebalance: true, maxCapacity: 20, minCapacity: 2 }).template,
      'AWS::AutoScaling::AutoScalingGroup',
    );
    expect(Properties['MixedInstancesPolicy'].InstancesDistribution.SpotMaxPrice).toBe('0.5');
    expect(Properties).toMatchObject({ CapacityRebalance: true, MinSize: '2', MaxSize: '20' });
  });
});

describe('the On-Demand fallback', () => {
  const { template: fallback } = aFleetStack({
    onDemandFallback: { after: Duration.minutes(30), maxCapacity: 2 },
    capacityRebalance: true,
  });
  const group = resourcesOf(fallback, 'AWS::AutoScaling::AutoScalingGroup').get(
    [...resourcesOf(fallback, 'AWS::AutoScaling::AutoScalingGroup').keys()].find((id) =>
      id.includes('OnDemand'),
    )!,
  )!;

  it('is a group of its own, On-Demand and nothing else, that knows its own name', () => {
    expect(resourcesOf(template, 'AWS::AutoScaling::AutoScalingGroup').size).toBe(1);
    expect(group.Properties).toMatchObject({
      AutoScalingGroupName: 'Holdfast-Training-on-demand',
      MinSize: '0',
      MaxSize: '2',
      CapacityRebalance: false,
      MixedInstancesPolicy: {
        InstancesDistribution: { OnDemandBaseCapacity: 0, OnDemandPercentageAboveBaseCapacity: 100 },
      },
    });
    expect(JSON.stringify(fallback.toJSON())).toContain("auto_scaling_group='Holdfast-Training-on-demand'");
  });

  it('starts after so long without capacity, and then counts where Spot instances are asked for', () => {
    const alarms = [...resourcesOf(fallback, 'AWS::CloudWatch::Alarm')];
    const [, start] = alarms.find(([id]) => id.startsWith('TrainingFallbackMissing'))!;
    expect(start.Properties['EvaluationPeriods']).toBe(30);
    expect(start.Properties['Metrics'][0].Expression).toBe(
      'IF(FILL(FILL(asked, REPEAT), 0) > FILL(FILL(running, REPEAT), 0), ' +
        'waiting + held - FILL(FILL(running, REPEAT), 0) - FILL(FILL(fallback, REPEAT), 0), 0)',
    );
    const [, spot] = alarms.find(([id]) => id.startsWith('TrainingScalingMissing'))!;
    expect(spot.Properties['Metrics'][0].Expression).toBe(
      'waiting + held - FILL(FILL(spot, REPEAT), 0) - FILL(FILL(fallback, REPEAT), 0)',
    );
  });

  it('may be told of in what workers may do', () => {
    const arns = JSON.stringify(workerStatements(fallback)['OwnGroups']?.Resource);
    expect(arns).toContain('autoScalingGroupName/Holdfast-Training-spot');
    expect(arns).toContain('autoScalingGroupName/Holdfast-Training-on-demand');
    expect(JSON.stringify(workerStatements(template))).not.toContain('on-demand');
  });
});

describe('scaling', () => {
  it('asks for instances while jobs have none, more of them for more jobs, and never takes one away', () => {
    const policy = onlyResource(template, 'AWS::AutoScaling::ScalingPolicy').Properties;
    expect(policy).toMatchObject({ PolicyType: 'StepScaling', AdjustmentType: 'ChangeInCapacity' });
    expect(policy['StepAdjustments']).toEqual([
      { MetricIntervalLowerBound: 0, MetricIntervalUpperBound: 1, ScalingAdjustment: 1 },
      { MetricIntervalLowerBound: 1, MetricIntervalUpperBound: 3, ScalingAdjustment: 2 },
      { MetricIntervalLowerBound: 3, ScalingAdjustment: 4 },
    ]);
  });

  it('counts instances that were asked for, not those that have booted', () => {
    const [, alarm] = [...resourcesOf(template, 'AWS::CloudWatch::Alarm')].find(([id]) =>
      id.includes('ScalingMissing'),
    )!;
    const [expression, ...metrics] = alarm.Properties['Metrics'];
    expect(expression.Expression).toBe('waiting + held - FILL(FILL(spot, REPEAT), 0)');
    expect(metrics.map((one: Resource['Properties']) => one['MetricStat'].Metric.MetricName)).toEqual([
      'ApproximateNumberOfMessagesVisible',
      'ApproximateNumberOfMessagesNotVisible',
      'GroupDesiredCapacity',
    ]);
    expect(alarm.Properties).toMatchObject({
      Threshold: 1,
      EvaluationPeriods: 2,
      TreatMissingData: 'notBreaching',
    });
  });
});

describe('what anybody may do', () => {
  it('is never everything of a service', () => {
    const statements = roleStatements(template);
    expect(statements.length).toBeGreaterThan(10);
    const actions = statements.flatMap(({ Action }) => listOf(Action));
    expect(actions.filter((action) => action.includes('*'))).toEqual([]);
  });

  it('is to look around, where it is allowed on every resource', () => {
    const everywhere = roleStatements(template).filter(({ Resource }) => listOf(Resource).includes('*'));
    const actions = everywhere.flatMap(({ Action }) => listOf(Action));
    expect(actions.every((action) => /^\w+:Describe/.test(action))).toBe(true);
    expect(actions.toSorted()).toEqual([
      'autoscaling:DescribeAutoScalingGroups',
      'autoscaling:DescribeAutoScalingInstances',
      'ec2:DescribeInstances',
    ]);
  });

  it('comes from no policy that AWS manages', () => {
    for (const { Properties } of resourcesOf(template, 'AWS::IAM::Role').values())
      expect(Properties['ManagedPolicyArns']).toBeUndefined();
  });
});

describe('what workers may do', () => {
  const may = workerStatements(template);

  it('is this list and no more', () => {
    expect(
      Object.fromEntries(Object.entries(may).map(([sid, { Action }]) => [sid, listOf(Action).toSorted()])),
    ).toEqual({
      Objects: ['s3:GetObject', 's3:PutObject'],
      DroppedCheckpoints: ['s3:DeleteObject'],
      Listing: ['s3:ListBucket'],
      Bundle: ['s3:GetObject'],
      Tickets: [
        'sqs:ChangeMessageVisibility',
        'sqs:DeleteMessage',
        'sqs:GetQueueAttributes',
        'sqs:GetQueueUrl',
        'sqs:ReceiveMessage',
        'sqs:SendMessage',
      ],
      DeadLetters: ['sqs:SendMessage'],
      OwnGroups: [
        'autoscaling:CompleteLifecycleAction',
        'autoscaling:SetInstanceHealth',
        'autoscaling:SetInstanceProtection',
        'autoscaling:TerminateInstanceInAutoScalingGroup',
      ],
      LookAround: ['autoscaling:DescribeAutoScalingGroups', 'autoscaling:DescribeAutoScalingInstances'],
      OwnTags: ['ec2:CreateTags', 'ec2:DeleteTags'],
      Logs: ['logs:CreateLogStream', 'logs:DescribeLogStreams', 'logs:PutLogEvents'],
    });
  });

  it('deletes checkpoints and probes, never a journal, a program or an input', () => {
    const keys = listOf(may['DroppedCheckpoints']?.Resource).map((one) => one['Fn::Join'][1].at(-1));
    expect(keys).toEqual(['/jobs/*/checkpoints/*', '/probes/*']);
  });

  it('lists below its prefixes alone, and is told when an object is missing', () => {
    expect(may['Listing']?.Condition).toEqual({
      StringLikeIfExists: { 's3:prefix': ['jobs/*', 'programs/*', 'inputs/*', 'probes/*', 'runtime/*'] },
    });
  });

  it('reads one object of the bucket of assets', () => {
    expect(JSON.stringify(may['Bundle']?.Resource)).toMatch(/\/[0-9a-f]{64}\.tar"/);
  });

  it('tags instances of its own groups with its own tags', () => {
    expect(may['OwnTags']?.Condition).toEqual({
      StringEquals: { 'aws:ResourceTag/aws:autoscaling:groupName': ['Holdfast-Training-spot'] },
      'ForAllValues:StringEquals': { 'aws:TagKeys': Object.values(instanceTags) },
    });
  });

  it('opens shells only where asked', () => {
    const { template: open } = aFleetStack({ sessionManager: true });
    expect(workerStatements(open)['SessionManager']?.Action).toContain('ssmmessages:OpenDataChannel');
  });

  it('pulls one image where workers run in containers, and needs no Docker to say so', () => {
    const { template: container } = aFleetStack({ runtime: 'container' });
    expect(workerStatements(container)['Image']?.Action).toContain('ecr:BatchGetImage');
    expect(JSON.stringify(workerStatements(container)['Image']?.Resource)).not.toContain('"*"');
    expect(JSON.stringify(container.toJSON())).toMatch(/image='.*cdk-hnb659fds-container-assets/);
  });
});

describe('who submits', () => {
  const granted = aFleetStack({}, ({ stack, training }) => {
    const person = new iam.Role(stack, 'Person', { assumedBy: new iam.AccountRootPrincipal() });
    training.grantSubmit(person).assertSuccess();
  }).template;
  const statements = roleStatements(granted).filter(({ policy }) => policy.startsWith('Person'));
  const actions = statements.flatMap(({ Action }) => listOf(Action));

  it('may write jobs, send tickets and ask for an instance', () => {
    for (const action of ['s3:PutObject', 'sqs:SendMessage', 'autoscaling:SetDesiredCapacity'])
      expect(actions).toContain(action);
  });

  it('may delete nothing, receive nothing and end no instance', () => {
    expect(actions.filter((action) => /Delete|Receive|Terminate|\*/.test(action))).toEqual([]);
    const everywhere = statements
      .filter(({ Resource }) => Resource === '*')
      .flatMap(({ Action }) => listOf(Action));
    expect(everywhere.filter((action) => !/:(?:Describe|Get)/.test(action))).toEqual([]);
  });
});

describe('the scheduled function', () => {
  it('runs every 15 minutes on Node.js 22, with a log of its own', () => {
    template.hasResourceProperties('AWS::Events::Rule', { ScheduleExpression: 'rate(15 minutes)' });
    template.hasResourceProperties('AWS::Lambda::Function', {
      Runtime: 'nodejs22.x',
      Timeout: 300,
      LoggingConfig: { LogGroup: { Ref: Match.stringLikeRegexp('TrainingReconcileLogs') } },
      Environment: { Variables: { HOLDFAST_DEPLOYMENT: 'Holdfast', HOLDFAST_QUEUE: Match.anyValue() } },
    });
  });

  it('may not receive tickets, nor touch the fleet', () => {
    const actions = roleStatements(template)
      .filter(({ policy }) => policy.startsWith('TrainingReconcileRole'))
      .flatMap(({ Action }) => listOf(Action));
    expect(actions).toContain('sqs:SendMessage');
    expect(actions.filter((action) => /Receive|autoscaling|ec2/.test(action))).toEqual([]);
  });
});

describe('alarms', () => {
  const names = (from: Template): string[] =>
    [...resourcesOf(from, 'AWS::CloudWatch::Alarm').keys()]
      .filter((id) => id.startsWith('TrainingAlarms'))
      .map((id) => id.replace(/^TrainingAlarms|[0-9A-F]{8}$/g, ''));

  it('tell of dead letters, failed launches, broken instances, lack of capacity, old checkpoints and a function that fails', () => {
    expect(names(template)).toEqual([
      'DeadLetters',
      'LaunchFailures',
      'BrokenInstances',
      'NoCapacity',
      'CheckpointAge',
      'ReconcileErrors',
    ]);
  });

  it('tell of instances that were reported as broken, three within an hour', () => {
    const [rule] = [...resourcesOf(template, 'AWS::Events::Rule')].find(([id]) =>
      id.startsWith('TrainingEventsBrokenInstances'),
    )!;
    template.hasResourceProperties('AWS::Events::Rule', {
      EventPattern: {
        'detail-type': ['EC2 Instance Terminate Successful'],
        detail: {
          AutoScalingGroupName: ['Holdfast-Training-spot'],
          Cause: [{ wildcard: '*in response to a user health-check*' }],
        },
      },
    });
    template.hasResourceProperties('AWS::CloudWatch::Alarm', {
      Namespace: 'AWS/Events',
      Dimensions: [{ Name: 'RuleName', Value: { Ref: rule } }],
      Statistic: 'Sum',
      Period: 3_600,
      EvaluationPeriods: 1,
      Threshold: 3,
    });
  });

  it('read the age of checkpoints as the scheduled function prints it', () => {
    template.hasResourceProperties('AWS::CloudWatch::Alarm', {
      Namespace: fleetMetricsNamespace,
      MetricName: 'OldestCheckpointAge',
      Dimensions: [{ Name: 'Deployment', Value: 'Holdfast' }],
      Threshold: 3_600,
    });
  });

  it('tell the topic, where there is one', () => {
    const topic = 'arn:aws:sns:eu-west-1:123456789012:alarms';
    const told = aFleetStack((stack) => ({
      alarmTopic: sns.Topic.fromTopicArn(stack, 'Topic', topic),
    })).template;
    for (const [id, { Properties }] of resourcesOf(told, 'AWS::CloudWatch::Alarm'))
      if (id.startsWith('TrainingAlarms')) expect(Properties['AlarmActions']).toEqual([topic]);
  });
});

describe('events', () => {
  it('of interruptions, launches and terminations go to the log group, and only those rules may write there', () => {
    const rules = [...resourcesOf(template, 'AWS::Events::Rule').values()].filter(
      ({ Properties }) => Properties['EventPattern'] !== undefined,
    );
    expect(rules.flatMap(({ Properties }) => Properties['EventPattern']['detail-type'])).toEqual([
      'EC2 Spot Instance Interruption Warning',
      'EC2 Instance Rebalance Recommendation',
      'EC2 Instance Launch Unsuccessful',
      'EC2 Instance Launch Successful',
      'EC2 Instance Terminate Successful',
      'EC2 Instance Terminate Unsuccessful',
      'EC2 Instance Terminate Successful',
    ]);
    for (const { Properties } of rules)
      expect(JSON.stringify(Properties['Targets'])).toContain('TrainingLogs');
    const policy = JSON.stringify(
      onlyResource(template, 'AWS::Logs::ResourcePolicy').Properties['PolicyDocument'],
    );
    expect(policy).toContain('aws:SourceArn');
    expect(policy.match(/TrainingEvents\w+/g)).toHaveLength(4);
  });
});

describe('the rehearsal', () => {
  it('takes one marked Spot instance, two minutes after its notice', () => {
    const { Properties } = onlyResource(template, 'AWS::FIS::ExperimentTemplate');
    expect(Properties).toMatchObject({
      StopConditions: [{ Source: 'none' }],
      Targets: {
        marked: {
          ResourceType: 'aws:ec2:spot-instance',
          ResourceTags: { [interruptTag.key]: interruptTag.value },
          SelectionMode: 'COUNT(1)',
        },
      },
      Actions: {
        interrupt: {
          ActionId: 'aws:ec2:send-spot-instance-interruptions',
          Parameters: { durationBeforeInterruption: 'PT2M' },
          Targets: { SpotInstances: 'marked' },
        },
      },
    });
  });

  it('may interrupt instances of its own group alone', () => {
    const [interrupt] = roleStatements(template).filter(({ Sid }) => Sid === 'InterruptOwn');
    expect(interrupt?.Condition).toEqual({
      StringEquals: { 'aws:ResourceTag/aws:autoscaling:groupName': 'Holdfast-Training-spot' },
    });
  });
});

describe('the deployment', () => {
  it('is exported under the names that the CLI reads', () => {
    const exported = aFleetStack({ onDemandFallback: { after: Duration.minutes(10) } }, ({ training }) =>
      training.exportDeployment(),
    ).template;
    expect(Object.keys(exported.findOutputs('*')).toSorted()).toEqual(
      Object.values(deploymentOutputs).toSorted(),
    );
    const { Store: store, InstanceTypes: types } = exported.findOutputs('*');
    expect(store?.['Value']['Fn::Join'][1]).toEqual([
      's3://',
      { Ref: expect.stringContaining('CheckpointsBucket') },
      '?region=',
      { Ref: 'AWS::Region' },
    ]);
    expect(types?.['Value']).toBe('g4dn.xlarge,g4dn.2xlarge,g5.xlarge,g5.2xlarge,g6.xlarge,g6.2xlarge');
  });

  it('is not exported unasked, so that a stack may hold several fleets', () => {
    const app = new App();
    const stack = new Stack(app, 'Two');
    const fleets = ['Red', 'Blue'].map((id) => new SpotTraining(stack, id, { imageId: 'ami-12c6146b' }));
    expect(fleets).toHaveLength(2);
    const two = Template.fromStack(stack);
    const groups = [...resourcesOf(two, 'AWS::AutoScaling::AutoScalingGroup').values()];
    expect(groups.map(({ Properties }) => Properties['AutoScalingGroupName'])).toEqual([
      'Two-Red-spot',
      'Two-Blue-spot',
    ]);
    expect(two.findOutputs('*')).toEqual({});
  });

  it('needs neither account nor region, and no function of the CDK beside ours', () => {
    expect(JSON.stringify(template.toJSON())).not.toMatch(/"arn:aws:|dummy|:123456789012:/);
    template.resourceCountIs('AWS::Lambda::Function', 1);
  });
});
