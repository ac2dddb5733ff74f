import {
  GetBucketEncryptionCommand,
  GetBucketVersioningCommand,
  GetPublicAccessBlockCommand,
} from '@aws-sdk/client-s3';
import { GetQueueAttributesCommand, SQSClient } from '@aws-sdk/client-sqs';
import { remedyOf } from '../base/errors.ts';
import type { BucketSettings, QueueSettings } from '../fleet/storage-settings.ts';
import { awsClientSettings, callAws, sendOptions } from './aws-client.ts';
import { type AwsCall, awsErrorFacts } from './aws-errors.ts';
import { awsTimeouts } from './aws-timeouts.ts';
import { connectS3, withRegion } from './s3-client.ts';
import { parseS3Uri } from './s3-uri.ts';
import { parseSqsUrl } from './sqs-address.ts';

/**
 * The settings of the bucket behind a store. What the identity may not see is undefined.
 * @throws TransientError, UnfitError
 */
export async function readBucketSettings(uri: string, signal?: AbortSignal): Promise<BucketSettings> {
  const location = await withRegion(parseS3Uri(uri));
  const { client } = connectS3(location, { timeouts: awsTimeouts });
  const Bucket = location.bucket;
  const call = (operation: string): AwsCall => ({ service: 'S3', operation, target: Bucket, signal });
  const options = sendOptions(signal);
  try {
    const [versioning, block, encryption] = await Promise.all([
      allowed(call('GetBucketVersioning'), async () => {
        const { Status } = await client.send(new GetBucketVersioningCommand({ Bucket }), options);
        return Status === 'Enabled';
      }),
      allowed(call('GetPublicAccessBlock'), () =>
        unless('NoSuchPublicAccessBlockConfiguration', false, async () => {
          const command = new GetPublicAccessBlockCommand({ Bucket });
          const { PublicAccessBlockConfiguration: blocks = {} } = await client.send(command, options);
          return [
            blocks.BlockPublicAcls,
            blocks.BlockPublicPolicy,
            blocks.IgnorePublicAcls,
            blocks.RestrictPublicBuckets,
          ].every((isSet) => isSet === true);
        }),
      ),
      allowed(call('GetBucketEncryption'), () =>
        unless('ServerSideEncryptionConfigurationNotFoundError', 'none', async () => {
          const command = new GetBucketEncryptionCommand({ Bucket });
          const { ServerSideEncryptionConfiguration: rules } = await client.send(command, options);
          return rules?.Rules?.[0]?.ApplyServerSideEncryptionByDefault?.SSEAlgorithm ?? 'none';
        }),
      ),
    ]);
    return { isVersioned: versioning, blocksPublicAccess: block, encryption };
  } finally {
    client.destroy();
  }
}

/**
 * The settings of a queue, by its URL.
 * @throws TransientError, AccessDeniedError, UnfitError (no such queue)
 */
export async function readQueueSettings(address: string, signal?: AbortSignal): Promise<QueueSettings> {
  const { region, endpoint, queueUrl } = parseSqsUrl(address);
  const client = new SQSClient({
    ...awsClientSettings({ region }),
    useQueueUrlAsEndpoint: false,
    ...(endpoint === undefined ? {} : { endpoint }),
  });
  try {
    const command = new GetQueueAttributesCommand({ QueueUrl: queueUrl, AttributeNames: ['All'] });
    const { Attributes = {} } = await callAws(
      { service: 'SQS', operation: 'GetQueueAttributes', target: queueUrl, signal },
      () => client.send(command, sendOptions(signal)),
    );
    const redrive = redriveOf(Attributes.RedrivePolicy);
    return {
      visibilitySeconds: Number(Attributes.VisibilityTimeout),
      retentionSeconds: Number(Attributes.MessageRetentionPeriod),
      deadLetterArn: redrive?.arn,
      maxReceiveCount: redrive?.maxReceiveCount,
      visible: Number(Attributes.ApproximateNumberOfMessages ?? 0),
      inFlight: Number(Attributes.ApproximateNumberOfMessagesNotVisible ?? 0),
    };
  } finally {
    client.destroy();
  }
}

function redriveOf(
  policy: string | undefined,
): { readonly arn: string; readonly maxReceiveCount: number } | undefined {
  if (policy === undefined || policy === '') return undefined;
  const value: unknown = JSON.parse(policy);
  if (typeof value !== 'object' || value === null) return undefined;
  return {
    arn: String(Reflect.get(value, 'deadLetterTargetArn')),
    maxReceiveCount: Number(Reflect.get(value, 'maxReceiveCount')),
  };
}

/** Undefined where the identity may not look. */
async function allowed<Result>(call: AwsCall, make: () => Promise<Result>): Promise<Result | undefined> {
  try {
    return await callAws(call, make);
  } catch (error) {
    if (remedyOf(error) === 'reject' && isRefused(error)) return undefined;
    throw error;
  }
}

const isRefused = (error: unknown): boolean =>
  error instanceof Error && awsErrorFacts(error.cause).status === 403;

async function unless<Result>(name: string, otherwise: Result, make: () => Promise<Result>): Promise<Result> {
  try {
    return await make();
  } catch (error) {
    if (awsErrorFacts(error).name === name) return otherwise;
    throw error;
  }
}
