import { describe, expect, it } from 'vitest';
import { TransientError } from '../../../lib/base/errors.ts';
import { seededRandom } from '../../../lib/base/random.ts';
import { openS3ObjectStore } from '../../../lib/aws/s3-object-store.ts';
import { openSqsJobQueue } from '../../../lib/aws/sqs-job-queue.ts';
import type { JobQueue } from '../../../lib/queue/job-queue.ts';
import type { ObjectStore } from '../../../lib/store/object-store.ts';
import { type FakeAws, startFakeAws } from '../fake-aws/fake-aws.ts';
import { readAwsRequest } from './aws-request.ts';
import { type FaultKind, type FaultPlan, possibleFaults } from './faults.ts';
import { FaultProxy } from './fault-proxy.ts';
import { objectOfUrl, templateForMoto } from './stack-template.ts';

const always = (kind: FaultKind): FaultPlan => ({
  share: 1,
  random: seededRandom(1),
  kindsFor: (request) => possibleFaults(request).filter((possible) => possible === kind),
});
const bytes = new TextEncoder().encode('bytes');
const caught = (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    () => undefined,
    (error: unknown) => error,
  );

interface World extends AsyncDisposable {
  readonly aws: FakeAws;
  readonly proxy: FaultProxy;
  readonly store: ObjectStore;
  readonly queue: JobQueue;
}

/** The proxy before the fake of this repository; drivers talk to the end that meets faults, or to the calm one. */
async function world(plan?: FaultPlan, through: 'endpoint' | 'calmEndpoint' = 'endpoint'): Promise<World> {
  const aws = await startFakeAws();
  aws.s3.createBucket('bucket');
  aws.sqs.createQueue('jobs');
  const proxy = await FaultProxy.start(aws.endpoint, plan);
  const settings = new URLSearchParams({ region: aws.region, endpoint: proxy[through] }).toString();
  const { credentials } = aws;
  const store = await openS3ObjectStore(`s3://bucket?${settings}`, { credentials });
  const queue = await openSqsJobQueue(`${aws.endpoint}/123456789012/jobs?${settings}`, { credentials });
  return {
    aws,
    proxy,
    store,
    queue,
    async [Symbol.asyncDispose]() {
      await Promise.all([store.close(), queue.close()]);
      await proxy[Symbol.asyncDispose]();
      await aws.close();
    },
  };
}

const ask = async (
  endpoint: string,
  service: string,
  params: Readonly<Record<string, string>>,
): Promise<{ readonly status: number; readonly text: string }> => {
  const response = await fetch(endpoint, {
    method: 'POST',
    headers: { authorization: `AWS4-HMAC-SHA256 Credential=X/20261101/us-east-1/${service}/aws4_request, x` },
    body: new URLSearchParams(params),
  });
  return { status: response.status, text: await response.text() };
};

describe('the fault proxy', () => {
  it('passes on everything, in both protocols, when nothing is drawn', async () => {
    await using w = await world();
    expect(await w.store.createIfAbsent('a/b', bytes)).toMatchObject({ outcome: 'created' });
    expect(await w.store.createIfAbsent('a/b', bytes)).toMatchObject({ outcome: 'exists' });
    expect((await w.store.get('a/b'))?.body).toEqual(bytes);
    expect(await w.store.head('none')).toBeUndefined();
    expect((await w.store.list('a/')).objects.map(({ key }) => key)).toEqual(['a/b']);
    await w.store.delete(['a/b']);
    const { messageId } = await w.queue.send('body');
    expect(await w.queue.receive({ waitMs: 0, visibilityMs: 1_000 })).toMatchObject({ messageId });
    expect(w.proxy.record.requests).toEqual({
      's3:DeleteObject': 1,
      's3:GetObject': 1,
      's3:HeadObject': 1,
      's3:ListObjectsV2': 1,
      's3:PutObject': 2,
      'sqs:ReceiveMessage': 1,
      'sqs:SendMessage': 1,
    });
    expect(w.proxy.record).toMatchObject({
      faultsInAll: 0,
      notByMoto: {},
      motoFailures: {},
      createdTwice: [],
    });
  });

  it.each([
    ['slow-down', false],
    ['conflict', false],
    ['cut', false],
    ['lost-answer', true],
  ] as const)('plays %s to a write with a condition; written by then: %s', async (kind, isWritten) => {
    await using w = await world(always(kind));
    expect(await caught(w.store.createIfAbsent('key', bytes))).toBeInstanceOf(TransientError);
    w.proxy.plan = undefined;
    expect((await w.store.get('key'))?.body).toEqual(isWritten ? bytes : undefined);
    expect(w.proxy.record.faults).toEqual({ [kind]: { total: 1, by: { 's3:PutObject': 1 } } });
  });

  it('never plays a conflict to what has no condition', async () => {
    await using w = await world(always('conflict'));
    await w.store.put('key', bytes);
    await w.store.get('key');
    await w.queue.depth();
    expect(w.proxy.record.faultsInAll).toBe(0);
  });

  it('tells SQS off in its own words, and the driver takes the hint', async () => {
    await using w = await world(always('slow-down'));
    expect(await caught(w.queue.depth())).toBeInstanceOf(TransientError);
    expect(w.proxy.record.faults['slow-down']?.by).toEqual({ 'sqs:GetQueueAttributes': 3 });
  });

  it('leaves its calm end alone', async () => {
    await using w = await world(always('cut'), 'calmEndpoint');
    await w.store.put('key', bytes);
    expect(w.proxy.record.faultsInAll).toBe(0);
  });

  it('strikes the share that was asked for, the same for the same seed', async () => {
    const struck = async (seed: number): Promise<readonly boolean[]> => {
      await using w = await world({ share: 0.3, random: seededRandom(seed), kindsFor: () => ['slow-down'] });
      const results: boolean[] = [];
      for (let at = 0; at < 60; at++)
        results.push((await caught(w.store.head('key'))) instanceof TransientError);
      return results;
    };
    const [one, again, other] = [await struck(1), await struck(1), await struck(2)];
    expect(again).toEqual(one);
    expect(other).not.toEqual(one);
    const hits = [...one, ...other].filter(Boolean).length;
    expect(hits).toBeGreaterThan(120 * 0.15);
    expect(hits).toBeLessThan(120 * 0.45);
  });

  it('notices a store that lets two writers create one key', async () => {
    await using w = await world();
    await w.store.createIfAbsent('key', bytes);
    expect(w.proxy.record).toMatchObject({ createdOnce: 1, createdTwice: [] });
    // What is emptied behind the back of the proxy stands for a store that forgets its conditions.
    w.aws.s3.createBucket('bucket');
    await w.store.createIfAbsent('key', bytes);
    expect(w.proxy.record.createdTwice).toEqual(['bucket/key']);
  });

  it('completes a lifecycle action once, and only where one waits', async () => {
    await using w = await world();
    const complete = { Action: 'CompleteLifecycleAction', InstanceId: 'i-1' };
    const asked = async (): Promise<number> => (await ask(w.proxy.endpoint, 'autoscaling', complete)).status;
    expect(await asked()).toBe(400);
    let done = 0;
    w.proxy.hooks.hold('i-1', () => {
      done += 1;
    });
    expect([await asked(), await asked(), done]).toEqual([200, 400, 1]);
    expect(w.proxy.record.notByMoto).toEqual({ 'autoscaling:CompleteLifecycleAction': 3 });
    expect(w.proxy.hooks.completed).toEqual(['i-1']);
  });

  it('does what it emulates even where the answer is lost', async () => {
    await using w = await world(always('lost-answer'));
    w.proxy.hooks.hold('i-1');
    const lost = ask(w.proxy.endpoint, 'autoscaling', {
      Action: 'CompleteLifecycleAction',
      InstanceId: 'i-1',
    });
    expect(await caught(lost)).toBeInstanceOf(Error);
    expect(w.proxy.hooks.completed).toEqual(['i-1']);
  });
});

describe('the protocols of AWS', () => {
  const signedFor = (service: string): Record<string, string> => ({
    authorization: `AWS4-HMAC-SHA256 Credential=X/20261101/us-east-1/${service}/aws4_request, SignedHeaders=host`,
  });
  const read = (facts: Partial<Parameters<typeof readAwsRequest>[0]>) =>
    readAwsRequest({ method: 'POST', url: '/', headers: {}, body: Buffer.alloc(0), ...facts });

  it.each([
    [
      { headers: { ...signedFor('sqs'), 'x-amz-target': 'AmazonSQS.SendMessage' }, body: Buffer.from('{}') },
      'sqs:SendMessage',
    ],
    [
      {
        headers: { ...signedFor('servicequotas'), 'x-amz-target': 'ServiceQuotasV20190624.GetServiceQuota' },
        body: Buffer.from('{"QuotaCode":"L-3819A6DF"}'),
      },
      'servicequotas:GetServiceQuota',
    ],
    [
      {
        headers: { ...signedFor('ec2'), 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' },
        body: Buffer.from('Action=DescribeInstances&Version=2016-11-15'),
      },
      'ec2:DescribeInstances',
    ],
    [
      { headers: signedFor('monitoring'), url: '/service/GraniteService/operation/PutMetricData' },
      'monitoring:PutMetricData',
    ],
    [{ headers: signedFor('fis'), url: '/experiments' }, 'fis:POST /experiments'],
    [{ method: 'PUT', headers: signedFor('s3'), url: '/b/k%2Fk' }, 's3:PutObject'],
    [{ method: 'PUT', headers: { 'x-amz-copy-source': 'b/k' }, url: '/b/k' }, 's3:CopyObject'],
    [{ method: 'POST', url: '/b?delete=' }, 's3:DeleteObjects'],
    [{ method: 'GET', url: '/b?list-type=2&prefix=a' }, 's3:ListObjectsV2'],
    [{ method: 'PUT', url: '/b/?versioning' }, 's3:PUT bucket?versioning'],
  ])('are told apart: %#', (facts, name) => {
    const { service, operation } = read(facts);
    expect(`${service}:${operation}`).toBe(name);
  });
});

describe('a template on its way to moto', () => {
  const resources = {
    Bucket: { Type: 'AWS::S3::Bucket' },
    Alarm: { Type: 'AWS::CloudWatch::Alarm' },
    Experiment: { Type: 'AWS::FIS::ExperimentTemplate' },
  };
  const templateOf = (body: object): string =>
    JSON.stringify({
      Resources: { ...resources, Board: { Type: 'AWS::CloudWatch::Dashboard', Properties: { body } } },
    });

  it('is left as it is, to the byte, where nothing refers to what moto does not know', () => {
    const text = templateOf({ 'Fn::GetAtt': ['Bucket', 'Arn'] });
    expect(templateForMoto(text)).toEqual({ template: text, played: [] });
  });

  it('gets an answer for every other reference, and tells for which types', () => {
    const { template, played } = templateForMoto(
      templateOf([{ 'Fn::GetAtt': ['Alarm', 'Arn'] }, { Ref: 'Bucket' }, { Ref: 'Experiment' }]),
    );
    expect(JSON.parse(template)).toMatchObject({
      Resources: {
        ...resources,
        Board: {
          Properties: {
            body: ['arn:aws:played:us-east-1:123456789012:Alarm', { Ref: 'Bucket' }, 'EXT1234567890abcdef'],
          },
        },
      },
    });
    expect(played).toEqual(['AWS::CloudWatch::Alarm', 'AWS::FIS::ExperimentTemplate']);
  });

  it.each([
    'https://assets.s3.us-east-1.amazonaws.com/a/b.json',
    'https://s3.us-east-1.amazonaws.com/assets/a/b.json',
    'http://localhost:5000/assets/a/b.json',
  ])('is found by its URL: %s', (url) => expect(objectOfUrl(url)).toBe('assets/a/b.json'));
});
