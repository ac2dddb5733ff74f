import { afterEach, describe, expect, it, vi } from 'vitest';
import { configuredEndpoint } from '../../../lib/aws/configured-endpoint.ts';
import { openS3ObjectStore } from '../../../lib/aws/s3-object-store.ts';
import { openSqsJobQueue } from '../../../lib/aws/sqs-job-queue.ts';
import { startFakeAws } from '../../support/fake-aws/fake-aws.ts';

afterEach(() => vi.unstubAllEnvs());

describe('the endpoint that the environment names', () => {
  it('is that of the service, else the one for all, else none', () => {
    const both = { AWS_ENDPOINT_URL: 'http://all', AWS_ENDPOINT_URL_S3: 'http://s3' };
    expect(configuredEndpoint('S3', both)).toBe('http://s3');
    expect(configuredEndpoint('SQS', both)).toBe('http://all');
    expect(configuredEndpoint('S3', { AWS_ENDPOINT_URL: '' })).toBeUndefined();
  });

  it.each(['AWS_ENDPOINT_URL', 'AWS_ENDPOINT_URL_S3'])(
    'is called for a bucket of AWS by its path, since its name is no host there: %s',
    async (name) => {
      await using aws = await startFakeAws();
      aws.s3.createBucket('bucket');
      // By its name, so that a bucket before it would be a host that nobody knows.
      vi.stubEnv(name, aws.endpoint.replace('127.0.0.1', 'localhost'));
      const store = await openS3ObjectStore(`s3://bucket?region=${aws.region}`, {
        credentials: aws.credentials,
      });
      await store.put('key', new Uint8Array([1]));
      expect(aws.asked('PutObject').map(({ path }) => path)).toEqual(['/bucket/key']);
      // The address stays that of the bucket: a job is not bound to the endpoint by which it was submitted.
      expect(store.uri).toBe(`s3://bucket?region=${aws.region}`);
      await store.close();
    },
  );

  it.each(['https://sqs.eu-west-1.amazonaws.com', 'http://127.0.0.1:1'])(
    'is called for a queue whose URL says %s',
    async (origin) => {
      await using aws = await startFakeAws();
      aws.sqs.createQueue('jobs');
      vi.stubEnv('AWS_ENDPOINT_URL', aws.endpoint);
      const queue = await openSqsJobQueue(`${origin}/123456789012/jobs?region=${aws.region}`, {
        credentials: aws.credentials,
      });
      await queue.send('body');
      expect(aws.asked('SendMessage')).toHaveLength(1);
      await queue.close();
    },
  );
});
