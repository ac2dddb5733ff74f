import { describe, expect, it, vi } from 'vitest';
import { systemClock } from '../../../lib/base/clock.ts';
import { awsTimeouts } from '../../../lib/aws/aws-timeouts.ts';
import { openSqsJobQueue } from '../../../lib/aws/sqs-job-queue.ts';
import { ManualTime } from '../../support/fake-aws/aws-time.ts';
import { accessDenied, lostAnswer, slowDown } from '../../support/fake-aws/faults.ts';
import { type FakeJobQueue, openFakeQueue } from '../../support/fake-aws/open-fake-drivers.ts';
import { describeJobQueue } from '../queue/job-queue-contract.ts';

for (const staleHandles of ['accepted', 'refused'] as const)
  describeJobQueue(
    `SqsJobQueue (stale handles ${staleHandles})`,
    async () => {
      const time = new ManualTime();
      const opened = await openFakeQueue({ time, staleHandles });
      return {
        queue: opened.queue,
        advance: async (ms) => time.advance(ms),
        cleanUp: async () => opened[Symbol.asyncDispose](),
      };
    },
    { staleHandles },
  );

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

const receive = async (
  { queue }: FakeJobQueue,
  visibilityMs = minuteMs,
): Promise<{ readonly receiptHandle: string }> => {
  const message = await queue.receive({ waitMs: 0, visibilityMs });
  if (message === undefined) throw new Error('nothing was received');
  return message;
};

describe('SqsJobQueue and the limits of SQS', () => {
  it('keeps a message hidden by renewals until 12 hours after its receive, then calls it lost', async () => {
    const time = new ManualTime();
    await using opened = await openFakeQueue({ time });
    const { queue } = opened;
    await queue.send('a long job');
    const { receiptHandle } = await receive(opened, 2 * hourMs);
    for (let hour = 1; hour <= 10; hour++) {
      await time.advance(hourMs);
      expect(await queue.changeVisibility(receiptHandle, 2 * hourMs)).toBe('changed');
    }
    await time.advance(hourMs);
    expect(await queue.changeVisibility(receiptHandle, 2 * hourMs)).toBe('lost');
    expect(await queue.changeVisibility(receiptHandle, 59 * minuteMs)).toBe('changed');
  });

  it('counts the 12 hours anew from the next receive', async () => {
    const time = new ManualTime();
    await using opened = await openFakeQueue({ time });
    await opened.queue.send('a long job');
    await receive(opened, hourMs);
    await time.advance(11.5 * hourMs);
    const { receiptHandle } = await receive(opened, hourMs);
    await time.advance(0.5 * hourMs);
    expect(await opened.queue.changeVisibility(receiptHandle, 2 * hourMs)).toBe('changed');
  });

  it('calls a message lost whose visibility ran out, though nobody took it', async () => {
    const time = new ManualTime();
    await using opened = await openFakeQueue({ time });
    await opened.queue.send('ticket');
    const { receiptHandle } = await receive(opened);
    await time.advance(minuteMs + 1);
    expect(await opened.queue.changeVisibility(receiptHandle, minuteMs)).toBe('lost');
    await opened.queue.delete(receiptHandle);
    expect(opened.held.messages).toEqual([]);
  });

  it('calls a handle lost that never was one, and deletes nothing by it', async () => {
    await using opened = await openFakeQueue();
    await opened.queue.send('ticket');
    expect(await opened.queue.changeVisibility('garbage', minuteMs)).toBe('lost');
    await opened.queue.delete('garbage');
    expect(opened.held.messages).toHaveLength(1);
  });

  it('meets a message moved to the dead letters after its last receive', async () => {
    const time = new ManualTime();
    await using dead = await openFakeQueue({ time });
    const deadLetters = { queue: dead.held, maxReceiveCount: 2 };
    await using opened = await openFakeQueue({ time, deadLetters });
    await opened.queue.send('unreadable');
    for (let count = 1; count <= 2; count++) {
      await receive(opened, 1_000);
      await time.advance(1_001);
    }
    expect(await opened.queue.receive({ waitMs: 0, visibilityMs: 1_000 })).toBeUndefined();
    expect(await dead.queue.receive({ waitMs: 0, visibilityMs: 1_000 })).toMatchObject({
      body: 'unreadable',
    });
  });
});

describe('SqsJobQueue in bad weather', () => {
  it('tries each call three times, as sending or deleting twice does no harm', async () => {
    await using opened = await openFakeQueue();
    const { aws, queue } = opened;
    aws.faults.add({ operation: 'SendMessage', fault: lostAnswer });
    await queue.send('ticket');
    // The answer was lost, the message was not: there are two now, and an extra ticket is harmless.
    expect(opened.held.messages).toHaveLength(2);
    aws.faults.add({ operation: 'DeleteMessage', fault: slowDown, times: 2 });
    await queue.delete((await receive(opened)).receiptHandle);
    expect(aws.asked('DeleteMessage')).toHaveLength(3);
    expect(opened.held.messages).toHaveLength(1);
  });

  it('shows a message again whose answer was lost on the way', async () => {
    const time = new ManualTime();
    await using opened = await openFakeQueue({ time });
    await opened.queue.send('ticket');
    opened.aws.faults.add({ operation: 'ReceiveMessage', fault: lostAnswer });
    expect(await opened.queue.receive({ waitMs: 0, visibilityMs: minuteMs })).toBeUndefined();
    await time.advance(minuteMs);
    expect(await opened.queue.receive({ waitMs: 0, visibilityMs: minuteMs })).toMatchObject({
      body: 'ticket',
      receiveCount: 2,
    });
  });

  const calls: Readonly<Record<string, (opened: FakeJobQueue) => Promise<unknown>>> = {
    send: async ({ queue }) => queue.send('ticket'),
    receive: async ({ queue }) => queue.receive({ waitMs: 0, visibilityMs: minuteMs }),
    changeVisibility: async ({ queue }) => queue.changeVisibility('handle-x-1', minuteMs),
    delete: async ({ queue }) => queue.delete('handle-x-1'),
    depth: async ({ queue }) => queue.depth(),
  };
  for (const [name, call] of Object.entries(calls)) {
    it(`${name}: a fault that stays is transient`, async () => {
      await using opened = await openFakeQueue();
      opened.aws.faults.storm(() => ({ kind: 'refuse', status: 500, code: 'InternalError' }));
      await expect(call(opened)).rejects.toMatchObject({ code: 'TRANSIENT' });
      expect(opened.aws.requests).toHaveLength(3);
    });

    it(`${name}: a cut connection that stays cut is transient`, async () => {
      await using opened = await openFakeQueue();
      opened.aws.faults.storm(() => lostAnswer);
      await expect(call(opened)).rejects.toMatchObject({ code: 'TRANSIENT' });
    });

    it(`${name}: refused access is not tried again`, async () => {
      await using opened = await openFakeQueue();
      opened.aws.faults.storm(() => accessDenied);
      await expect(call(opened)).rejects.toMatchObject({ code: 'ACCESS_DENIED' });
      expect(opened.aws.requests).toHaveLength(1);
    });

    it(`${name}: a queue that is not there is named`, async () => {
      await using opened = await openFakeQueue();
      const { aws } = opened;
      const queue = await openSqsJobQueue(aws.queueUrl('missing'), { credentials: aws.credentials });
      await expect(call({ ...opened, queue })).rejects.toMatchObject({
        code: 'UNFIT',
        hint: expect.stringContaining('check the address'),
      });
      await queue.close();
    });
  }

  it('waits no longer than its limits for an answer', async () => {
    await using opened = await openFakeQueue({ timeouts: { ...awsTimeouts, answerMs: 100 } });
    opened.aws.faults.storm(() => ({ kind: 'silent' }));
    await expect(opened.queue.depth()).rejects.toMatchObject({ code: 'TRANSIENT' });
  });

  it('lets a long poll outlast the limit of other calls', async () => {
    const time = new ManualTime();
    await using opened = await openFakeQueue({ time, timeouts: { ...awsTimeouts, answerMs: 100 } });
    const pending = opened.queue.receive({ waitMs: 20_000, visibilityMs: minuteMs });
    while (opened.aws.requests.length === 0) await systemClock.sleep(1);
    await systemClock.sleep(200);
    await time.advance(20_000);
    expect(await pending).toBeUndefined();
    expect(opened.aws.requests).toHaveLength(1);
  });
});

describe('openSqsJobQueue', () => {
  it('calls the endpoint of the environment, not the host of the queue’s URL', async () => {
    await using opened = await openFakeQueue();
    vi.stubEnv('AWS_ENDPOINT_URL_SQS', opened.aws.endpoint);
    try {
      const queue = await openSqsJobQueue('https://sqs.eu-west-1.amazonaws.com/123456789012/jobs', {
        credentials: opened.aws.credentials,
      });
      await queue.send('ticket');
      await queue.close();
      expect(opened.held.messages).toHaveLength(1);
    } finally {
      vi.unstubAllEnvs();
    }
  });

  it('calls the endpoint of its address before everything else', async () => {
    await using opened = await openFakeQueue();
    const { endpoint, credentials } = opened.aws;
    const uri = `https://sqs.eu-west-1.amazonaws.com/123456789012/jobs?endpoint=${endpoint}`;
    const queue = await openSqsJobQueue(uri, { credentials });
    await queue.send('ticket');
    await queue.close();
    expect(queue.uri).toBe(uri);
    expect(opened.held.messages).toHaveLength(1);
  });

  it('asks for a region where nothing names one', async () => {
    vi.stubEnv('AWS_REGION', '');
    vi.stubEnv('AWS_CONFIG_FILE', '/dev/null');
    vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', '/dev/null');
    try {
      await expect(openSqsJobQueue('http://127.0.0.1:9/123456789012/jobs')).rejects.toMatchObject({
        code: 'USAGE',
        hint: expect.stringContaining('AWS_REGION'),
      });
    } finally {
      vi.unstubAllEnvs();
    }
  });
});
