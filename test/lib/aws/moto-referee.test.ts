import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { CreateQueueCommand, SQSClient } from '@aws-sdk/client-sqs';
import { afterAll, describe } from 'vitest';
import { systemClock } from '../../../lib/base/clock.ts';
import { systemRandom } from '../../../lib/base/random.ts';
import { retryingObjectStore } from '../../../lib/store/retrying-object-store.ts';
import { openS3ObjectStore } from '../../../lib/aws/s3-object-store.ts';
import { openSqsJobQueue } from '../../../lib/aws/sqs-job-queue.ts';
import { startMoto } from '../../support/moto-server.ts';
import { describeJobQueue } from '../queue/job-queue-contract.ts';
import { describeObjectStore } from '../store/object-store-contract.ts';

// Not our reading of S3 and SQS but somebody else's: what both fakes agree on is likelier to be true.
const moto = await startMoto();
afterAll(async () => moto?.stop());

const region = 'us-east-1';
const credentials = { accessKeyId: 'moto', secretAccessKey: 'moto' };
const client = { region, credentials, ...(moto === undefined ? {} : { endpoint: moto.endpoint }) };
const settings = new URLSearchParams({ region, endpoint: moto?.endpoint ?? '' }).toString();
let made = 0;

describe.skipIf(moto === undefined)('with moto as referee', () => {
  describeObjectStore(
    'S3ObjectStore',
    async () => {
      const bucket = `bucket-${++made}`;
      const s3 = new S3Client({ ...client, forcePathStyle: true });
      await s3.send(new CreateBucketCommand({ Bucket: bucket }));
      s3.destroy();
      // On a busy machine moto answers 500 now and then, as S3 does; whoever uses the driver retries.
      const driver = await openS3ObjectStore(`s3://${bucket}?${settings}`, { credentials });
      const store = retryingObjectStore(driver, { clock: systemClock, random: systemRandom });
      return { store, cleanUp: () => store.close() };
    },
    // moto stores any bytes, whatever digest they came with.
    { digests: 'unchecked' },
  );

  describeJobQueue(
    'SqsJobQueue',
    async () => {
      const sqs = new SQSClient(client);
      const { QueueUrl = '' } = await sqs.send(new CreateQueueCommand({ QueueName: `jobs-${++made}` }));
      sqs.destroy();
      const queue = await openSqsJobQueue(`${QueueUrl}?${settings}`, { credentials });
      return { queue, cleanUp: () => queue.close() };
    },
    { staleHandles: 'either' },
  );
});
