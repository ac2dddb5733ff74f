import { openS3ObjectStore, type S3Options } from '../../../lib/aws/s3-object-store.ts';
import { openSqsJobQueue, type SqsOptions } from '../../../lib/aws/sqs-job-queue.ts';
import type { JobQueue } from '../../../lib/queue/job-queue.ts';
import type { ObjectStore } from '../../../lib/store/object-store.ts';
import { type FakeAws, type FakeAwsOptions, startFakeAws } from './fake-aws.ts';
import type { FakeQueue, QueueSettings } from './fake-queue.ts';

export interface FakeStore extends AsyncDisposable {
  readonly aws: FakeAws;
  readonly store: ObjectStore;
}

/** The S3 driver on a fake of its own; `settings` go into the address. */
export async function openFakeStore(
  options: FakeAwsOptions & S3Options & { readonly settings?: string } = {},
): Promise<FakeStore> {
  const { settings = '', credentials, timeouts, ...rest } = options;
  const aws = await startFakeAws(rest);
  aws.s3.createBucket('bucket');
  const store = await openS3ObjectStore(`${aws.storeUri('bucket', 'pre/fix')}${settings}`, {
    credentials: credentials ?? aws.credentials,
    ...(timeouts === undefined ? {} : { timeouts }),
  });
  return { aws, store, [Symbol.asyncDispose]: () => closeBoth(store, aws) };
}

export interface FakeJobQueue extends AsyncDisposable {
  readonly aws: FakeAws;
  readonly queue: JobQueue;
  readonly held: FakeQueue;
  /** Its dead-letter queue, which is there unless other settings are given. */
  readonly dead: FakeQueue;
}

/** As the stack makes it. */
const receivesMax = 1_000;

/** The SQS driver on a fake of its own. */
export async function openFakeQueue(
  options: FakeAwsOptions & SqsOptions & Partial<QueueSettings> = {},
): Promise<FakeJobQueue> {
  const { credentials, timeouts, staleHandles, visibilitySeconds, deadLetters, ...rest } = options;
  const aws = await startFakeAws(rest);
  const dead = aws.sqs.createQueue('dead-letters');
  const held = aws.sqs.createQueue('jobs', {
    ...(staleHandles === undefined ? {} : { staleHandles }),
    ...(visibilitySeconds === undefined ? {} : { visibilitySeconds }),
    deadLetters: deadLetters ?? { queue: dead, maxReceiveCount: receivesMax, name: 'dead-letters' },
  });
  const queue = await openSqsJobQueue(aws.queueUrl('jobs'), {
    credentials: credentials ?? aws.credentials,
    ...(timeouts === undefined ? {} : { timeouts }),
  });
  return { aws, queue, held, dead, [Symbol.asyncDispose]: () => closeBoth(queue, aws) };
}

async function closeBoth(driver: { close(): Promise<void> }, aws: FakeAws): Promise<void> {
  await driver.close();
  await aws.close();
}
