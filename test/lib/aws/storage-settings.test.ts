import {
  GetBucketEncryptionCommand,
  GetBucketVersioningCommand,
  GetPublicAccessBlockCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { GetQueueAttributesCommand, SQSClient } from '@aws-sdk/client-sqs';
import { type AwsClientStub, mockClient } from 'aws-sdk-client-mock';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readBucketSettings, readQueueSettings } from '../../../lib/aws/storage-settings.ts';

const failure = (name: string, status: number): Error =>
  Object.assign(new Error(name), { name, $metadata: { httpStatusCode: status } });

describe('settings of the bucket', () => {
  let s3: AwsClientStub<S3Client>;
  const uri = 's3://bucket/runs?region=eu-west-1';

  beforeEach(() => {
    s3 = mockClient(S3Client);
    s3.on(GetBucketVersioningCommand).resolves({ Status: 'Enabled' });
    s3.on(GetPublicAccessBlockCommand).resolves({
      PublicAccessBlockConfiguration: {
        BlockPublicAcls: true,
        BlockPublicPolicy: true,
        IgnorePublicAcls: true,
        RestrictPublicBuckets: true,
      },
    });
    s3.on(GetBucketEncryptionCommand).resolves({
      ServerSideEncryptionConfiguration: {
        Rules: [{ ApplyServerSideEncryptionByDefault: { SSEAlgorithm: 'aws:kms' } }],
      },
    });
  });
  afterEach(() => s3.restore());

  it('are read as they are', async () => {
    expect(await readBucketSettings(uri)).toEqual({
      isVersioned: true,
      blocksPublicAccess: true,
      encryption: 'aws:kms',
    });
    expect(s3.commandCalls(GetBucketVersioningCommand)[0]?.args[0].input).toEqual({ Bucket: 'bucket' });
  });

  it('are off where S3 knows none', async () => {
    s3.on(GetBucketVersioningCommand).resolves({});
    s3.on(GetPublicAccessBlockCommand).rejects(failure('NoSuchPublicAccessBlockConfiguration', 404));
    s3.on(GetBucketEncryptionCommand).rejects(failure('ServerSideEncryptionConfigurationNotFoundError', 404));
    expect(await readBucketSettings(uri)).toEqual({
      isVersioned: false,
      blocksPublicAccess: false,
      encryption: 'none',
    });
  });

  it('do not count as public with one block of four missing', async () => {
    s3.on(GetPublicAccessBlockCommand).resolves({
      PublicAccessBlockConfiguration: { BlockPublicAcls: true, BlockPublicPolicy: true },
    });
    expect(await readBucketSettings(uri)).toMatchObject({ blocksPublicAccess: false });
  });

  it('are unknown where we may not look; a bucket that is gone is an error', async () => {
    s3.on(GetBucketEncryptionCommand).rejects(failure('AccessDenied', 403));
    expect(await readBucketSettings(uri)).toMatchObject({ encryption: undefined, isVersioned: true });
    s3.on(GetBucketEncryptionCommand).rejects(failure('NoSuchBucket', 404));
    await expect(readBucketSettings(uri)).rejects.toMatchObject({ code: 'UNFIT' });
  });
});

describe('settings of the queue', () => {
  let sqs: AwsClientStub<SQSClient>;
  const url = 'https://sqs.eu-west-1.amazonaws.com/123456789012/jobs';

  beforeEach(() => {
    sqs = mockClient(SQSClient);
  });
  afterEach(() => sqs.restore());

  it('are read as they are', async () => {
    sqs.on(GetQueueAttributesCommand).resolves({
      Attributes: {
        VisibilityTimeout: '120',
        MessageRetentionPeriod: '1209600',
        ApproximateNumberOfMessages: '3',
        ApproximateNumberOfMessagesNotVisible: '1',
        RedrivePolicy: JSON.stringify({
          deadLetterTargetArn: 'arn:aws:sqs:eu-west-1:1:dead',
          maxReceiveCount: 1000,
        }),
      },
    });
    expect(await readQueueSettings(url)).toEqual({
      visibilitySeconds: 120,
      retentionSeconds: 1_209_600,
      deadLetterArn: 'arn:aws:sqs:eu-west-1:1:dead',
      maxReceiveCount: 1000,
      visible: 3,
      inFlight: 1,
    });
  });

  it('have no dead letters without a redrive policy', async () => {
    sqs.on(GetQueueAttributesCommand).resolves({
      Attributes: { VisibilityTimeout: '30', MessageRetentionPeriod: '60' },
    });
    expect(await readQueueSettings(url)).toMatchObject({
      deadLetterArn: undefined,
      maxReceiveCount: undefined,
      visible: 0,
    });
  });

  it('of a queue that is gone are an error', async () => {
    sqs.on(GetQueueAttributesCommand).rejects(failure('QueueDoesNotExist', 400));
    await expect(readQueueSettings(url)).rejects.toMatchObject({ code: 'UNFIT' });
  });
});
