import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { CreateQueueCommand, SQSClient } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../lib/base/clock.ts';
import { remedyOf } from '../../lib/base/errors.ts';
import { seededRandom, systemRandom } from '../../lib/base/random.ts';
import { openS3ObjectStore } from '../../lib/aws/s3-object-store.ts';
import { openSqsJobQueue } from '../../lib/aws/sqs-job-queue.ts';
import { openJournal } from '../../lib/journal/journal.ts';
import type { ObjectStore } from '../../lib/store/object-store.ts';
import { retryingObjectStore } from '../../lib/store/retrying-object-store.ts';
import { describeJobQueue } from '../lib/queue/job-queue-contract.ts';
import { describeObjectStore, type StoreTraits } from '../lib/store/object-store-contract.ts';
import type { AwsRequest } from '../support/fault-proxy/aws-request.ts';
import { type FaultKind, possibleFaults } from '../support/fault-proxy/faults.ts';
import { FaultProxy } from '../support/fault-proxy/fault-proxy.ts';
import { submittedJournal } from '../support/journal-world.ts';
import { startMoto } from '../support/moto-server.ts';
import { faultSeed } from './fault-seed.ts';

// Not our reading of S3 and SQS but somebody else's: what both fakes agree on is likelier to be true.
const moto = await startMoto();
const proxy = await FaultProxy.start(moto.endpoint);
afterAll(async () => {
  await proxy[Symbol.asyncDispose]();
  await moto.stop();
});

const region = 'us-east-1';
const credentials = { accessKeyId: 'moto', secretAccessKey: 'moto' };
const client = { region, credentials, endpoint: moto.endpoint };
let made = 0;

async function newStore(endpoint: string): Promise<ObjectStore> {
  const bucket = `bucket-${++made}`;
  const s3 = new S3Client({ ...client, forcePathStyle: true });
  await s3.send(new CreateBucketCommand({ Bucket: bucket }));
  s3.destroy();
  const settings = new URLSearchParams({ region, endpoint }).toString();
  // On a busy machine moto answers 500 now and then, as S3 does; whoever uses the driver retries.
  const driver = await openS3ObjectStore(`s3://${bucket}?${settings}`, { credentials });
  return retryingObjectStore(driver, { clock: systemClock, random: systemRandom });
}

function describeDrivers(endpoint: () => string, digests: StoreTraits['digests']): void {
  describeObjectStore(
    'S3ObjectStore',
    async () => {
      const store = await newStore(endpoint());
      return { store, cleanUp: () => store.close() };
    },
    { digests },
  );

  describeJobQueue(
    'SqsJobQueue',
    async () => {
      const sqs = new SQSClient(client);
      const name = `jobs-${++made}`;
      await sqs.send(new CreateQueueCommand({ QueueName: `${name}-dead` }));
      const redrive = {
        deadLetterTargetArn: `arn:aws:sqs:${region}:123456789012:${name}-dead`,
        maxReceiveCount: 1_000,
      };
      const { QueueUrl = '' } = await sqs.send(
        new CreateQueueCommand({
          QueueName: name,
          Attributes: { RedrivePolicy: JSON.stringify(redrive) },
        }),
      );
      sqs.destroy();
      const settings = new URLSearchParams({ region, endpoint: endpoint() }).toString();
      const queue = await openSqsJobQueue(`${QueueUrl}?${settings}`, { credentials });
      return { queue, cleanUp: () => queue.close() };
    },
    { staleHandles: 'either' },
  );
}

// moto stores any bytes, whatever digest they came with; the proxy refuses wrong ones as S3 does.
describe('with moto as referee', () => describeDrivers(() => moto.endpoint, 'unchecked'));

/**
 * What a driver hides from its caller. A conditional write of unknown outcome surfaces by design, and a repeated send or a
 * lost receive are a second message and a hidden one: the journal and the worker answer for those, not the driver.
 */
function hiddenByDrivers(request: AwsRequest): readonly FaultKind[] {
  if (request.isConditional) return ['conflict'];
  // The SDK's last try: a queue that fails three times in a row tells the worker, which asks again later.
  if (/attempt=3/.test(String(request.headers['amz-sdk-request']))) return [];
  const kinds = possibleFaults(request);
  const isRepeatable = !['SendMessage', 'ReceiveMessage'].includes(request.operation);
  return isRepeatable ? kinds : kinds.filter((kind) => kind !== 'lost-answer');
}

describe('with moto behind a bad line', () => {
  const seed = faultSeed();
  const plan = { share: 0.1, random: seededRandom(seed) };
  beforeAll(() => {
    process.stderr.write(`seed of the faults: ${seed}\n`);
  });

  describe('that drivers can mend', () => {
    describeDrivers(() => {
      proxy.plan = { ...plan, kindsFor: hiddenByDrivers };
      return proxy.endpoint;
    }, 'checked');
  });

  it('that loses answers of appends, too, a journal keeps every entry once', async () => {
    const store = await newStore(proxy.endpoint);
    const ports = { store, clock: systemClock, random: systemRandom };
    await submittedJournal(ports, 'job');
    proxy.plan = { ...plan, share: 0.15 };
    const writers = Array.from({ length: 4 }, (_, at) => `writer-${at}`);
    const told = await Promise.all(
      writers.map(async (writer) => {
        const journal = await openJournal(ports, 'job');
        const appended: string[] = [];
        for (let at = 0; at < 12; at++) {
          const by = `${writer}/${at}`;
          try {
            await journal.append(() => ({ kind: 'ticketed', by, claim: null }));
            appended.push(by);
          } catch (error) {
            // The outcome is unknown: it may stand or not, but not twice.
            if (remedyOf(error) !== 'retry') throw error;
          }
        }
        return appended;
      }),
    );
    proxy.plan = undefined;
    const stands: string[] = [];
    for await (const entry of (await openJournal(ports, 'job')).entries())
      if (entry.kind === 'ticketed') stands.push(entry.by);
    expect(new Set(stands).size).toBe(stands.length);
    expect(stands).toEqual(expect.arrayContaining(told.flat()));
    expect(told.flat().length).toBeGreaterThan(24);
    await store.close();
  });

  it('was bad indeed, and the store let nobody create a key twice', () => {
    expect(Object.keys(proxy.record.faults).toSorted()).toEqual([
      'conflict',
      'cut',
      'lost-answer',
      'slow-down',
    ]);
    expect(proxy.record.createdTwice).toEqual([]);
    expect(proxy.record.createdOnce).toBeGreaterThan(50);
  });
});
