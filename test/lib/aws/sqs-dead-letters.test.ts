import { describe, expect, it } from 'vitest';
import { systemClock } from '../../../lib/base/clock.ts';
import { AccessDeniedError, ConflictError, UnfitError } from '../../../lib/base/errors.ts';
import { openSqsJobQueue } from '../../../lib/aws/sqs-job-queue.ts';
import type { QueueMessage } from '../../../lib/queue/job-queue.ts';
import { ManualTime } from '../../support/fake-aws/aws-time.ts';
import { startFakeAws } from '../../support/fake-aws/fake-aws.ts';
import { accessDenied } from '../../support/fake-aws/faults.ts';
import { type FakeJobQueue, openFakeQueue } from '../../support/fake-aws/open-fake-drivers.ts';

async function received({ queue }: FakeJobQueue, body: string): Promise<QueueMessage> {
  await queue.send(body);
  const message = await queue.receive({ waitMs: 0, visibilityMs: 60_000 });
  if (message === undefined) throw new Error('nothing was received');
  return message;
}

/** Lets time pass until a look, which waits a second for what may come, is over. */
async function lookedAt<Result>(time: ManualTime, pending: Promise<Result>): Promise<Result> {
  let isOver = false;
  const end = (): void => {
    isOver = true;
  };
  pending.then(end, end);
  while (!isOver) {
    await time.advance(50);
    // Answers that come over a socket need real time, whatever the queue's clock says.
    await systemClock.sleep(1);
  }
  return pending;
}

describe('dead letters on SQS', () => {
  it('are in the queue that the RedrivePolicy names, before they are gone here', async () => {
    await using opened = await openFakeQueue({ time: new ManualTime() });
    const message = await received(opened, 'garbage');
    opened.aws.requests.length = 0;
    await opened.queue.setAside(message, 'no JSON');
    const operations = opened.aws.requests.map(({ operation }) => operation);
    expect(operations).toEqual(['GetQueueAttributes', 'SendMessage', 'DeleteMessage']);
    expect(opened.dead.messages).toMatchObject([
      { body: 'garbage', attributes: { HoldfastReason: { DataType: 'String', StringValue: 'no JSON' } } },
    ]);
    expect(opened.held.messages).toEqual([]);
  });

  it('that cannot be written leave the message where it is', async () => {
    await using opened = await openFakeQueue({ time: new ManualTime() });
    const message = await received(opened, 'garbage');
    // Thrice: the SDK tries a refusal again that comes with a clock which it did not expect.
    opened.aws.faults.add({ operation: 'SendMessage', fault: accessDenied, times: 3 });
    await expect(opened.queue.setAside(message, 'no JSON')).rejects.toBeInstanceOf(AccessDeniedError);
    expect(opened.held.messages).toHaveLength(1);
    expect(opened.dead.messages).toEqual([]);
  });

  it('are nowhere for a queue without a RedrivePolicy, which is said', async () => {
    await using aws = await startFakeAws();
    const held = aws.sqs.createQueue('lonely');
    const queue = await openSqsJobQueue(aws.queueUrl('lonely'), { credentials: aws.credentials });
    await queue.send('garbage');
    const message = await queue.receive({ waitMs: 0, visibilityMs: 60_000 });
    if (message === undefined) throw new Error('nothing was received');
    expect(await queue.setAside(message, 'no JSON')).toBe('left');
    expect(held.messages).toHaveLength(1);
    const look = queue.deadLetters({ limit: 1 });
    await expect(look).rejects.toBeInstanceOf(UnfitError);
    await expect(look).rejects.toThrow(/no dead-letter queue/);
    await expect(queue.redrive('x')).rejects.toBeInstanceOf(UnfitError);
    await queue.close();
  });

  it('lose the end of a body that leaves no room for the reason, say so, and are not sent again', async () => {
    const time = new ManualTime();
    await using opened = await openFakeQueue({ time });
    // Characters of three bytes: the cut falls into one of them.
    const body = '\u20ac'.repeat(349_525);
    expect(await opened.queue.setAside(await received(opened, body), 'far too long')).toBe('set-aside');
    const [dead] = opened.dead.messages;
    expect(dead?.attributes['HoldfastBodyBytes']?.StringValue).toBe(String(Buffer.byteLength(body)));
    expect(body.startsWith(dead?.body ?? 'nothing')).toBe(true);
    expect(body.length - (dead?.body.length ?? 0)).toBeLessThan(100);
    await expect(lookedAt(time, opened.queue.redrive(dead?.id ?? ''))).rejects.toBeInstanceOf(ConflictError);
    expect(opened.dead.messages).toHaveLength(1);
    expect(opened.held.messages).toEqual([]);
  });

  it('that the queue itself moved have no reason, and can be sent again with their group', async () => {
    const time = new ManualTime();
    await using opened = await openFakeQueue({ time });
    const sent = opened.dead.send({ body: 'received too often', groupId: 'vision', delayMs: 0 });
    expect(await lookedAt(time, opened.queue.deadLetters({ limit: 10 }))).toEqual([
      {
        messageId: sent.id,
        excerpt: 'received too often',
        reason: undefined,
        receiveCount: undefined,
        since: new Date(sent.sentAtMs),
      },
    ]);
    await lookedAt(time, opened.queue.redrive(sent.id));
    expect(opened.held.messages).toMatchObject([{ body: 'received too often', groupId: 'vision' }]);
    expect(opened.dead.messages).toEqual([]);
  });

  it('show at once to the next who looks, and by themselves after a look that was cut off', async () => {
    const time = new ManualTime();
    await using opened = await openFakeQueue({ time });
    for (const body of ['one', 'two'])
      await opened.queue.setAside(await received(opened, body), `why ${body}`);
    opened.aws.faults.add({
      operation: 'ChangeMessageVisibility',
      fault: accessDenied,
      times: 6,
    });
    expect(await lookedAt(time, opened.queue.deadLetters({ limit: 10 }))).toHaveLength(2);
    expect(await lookedAt(time, opened.queue.deadLetters({ limit: 10 }))).toHaveLength(0);
    opened.aws.faults.clear();
    await time.advance(60_000);
    expect(await lookedAt(time, opened.queue.deadLetters({ limit: 10 }))).toHaveLength(2);
    expect(await lookedAt(time, opened.queue.deadLetters({ limit: 10 }))).toHaveLength(2);
  });
});
