import {
  ChangeMessageVisibilityCommand,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import { type AwsClientStub, mockClient } from 'aws-sdk-client-mock';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { UsageError } from '../../../lib/base/errors.ts';
import { openSqsJobQueue } from '../../../lib/aws/sqs-job-queue.ts';
import type { JobQueue } from '../../../lib/queue/job-queue.ts';

const url = 'https://sqs.eu-west-1.amazonaws.com/123456789012/jobs';

describe('what SqsJobQueue asks for', () => {
  let sqs: AwsClientStub<SQSClient>;
  let queue: JobQueue;

  beforeEach(async () => {
    sqs = mockClient(SQSClient);
    sqs.on(SendMessageCommand).resolves({ MessageId: 'id' });
    sqs.on(ReceiveMessageCommand).resolves({});
    sqs.on(ChangeMessageVisibilityCommand).resolves({});
    queue = await openSqsJobQueue(url);
  });
  afterEach(async () => {
    await queue.close();
    sqs.restore();
  });

  const received = (): readonly (readonly [number | undefined, number | undefined])[] =>
    sqs
      .commandCalls(ReceiveMessageCommand)
      .map(({ args }) => [args[0].input.WaitTimeSeconds, args[0].input.VisibilityTimeout]);

  it.each([
    { waitMs: 0, polls: [0] },
    { waitMs: 1, polls: [1] },
    { waitMs: 20_000, polls: [20] },
    { waitMs: 20_001, polls: [20, 1] },
    { waitMs: 45_000, polls: [20, 20, 5] },
  ])('waits $waitMs ms in long polls of $polls s', async ({ waitMs, polls }) => {
    expect(await queue.receive({ waitMs, visibilityMs: 120_000 })).toBeUndefined();
    expect(received()).toEqual(polls.map((seconds) => [seconds, 120]));
  });

  it('asks for one message and for the count of its receives', async () => {
    await queue.receive({ waitMs: 0, visibilityMs: 1_000 });
    expect(sqs.commandCalls(ReceiveMessageCommand)[0]?.args[0].input).toMatchObject({
      QueueUrl: url,
      MaxNumberOfMessages: 1,
      MessageSystemAttributeNames: ['ApproximateReceiveCount'],
    });
  });

  it.each([
    [0, 0],
    [1, 1],
    [999, 1],
    [1_000, 1],
    [1_001, 2],
    [120_000, 120],
    [12 * 3_600_000, 43_195],
  ])('hides a message for %i ms as %i s: never shorter, never over the cap', async (ms, seconds) => {
    await queue.changeVisibility('handle', ms);
    await queue.receive({ waitMs: 0, visibilityMs: ms });
    const changed = sqs.commandCalls(ChangeMessageVisibilityCommand);
    expect(changed[0]?.args[0].input.VisibilityTimeout).toBe(seconds);
    expect(received()).toEqual([[0, seconds]]);
  });

  it('sends the owner as the group; a name that SQS does not take, by its digest', async () => {
    await queue.send('ticket', { groupId: 'team-vision' });
    await queue.send('ticket', { groupId: 'Zoë & co' });
    await queue.send('ticket', { groupId: 'Zoë & co' });
    await queue.send('ticket', { groupId: 'x'.repeat(129) });
    await queue.send('ticket');
    const groups = sqs.commandCalls(SendMessageCommand).map(({ args }) => args[0].input.MessageGroupId);
    expect(groups[0]).toBe('team-vision');
    expect(groups[1]).toMatch(/^[0-9a-f]{64}$/);
    expect(groups[2]).toBe(groups[1]);
    expect(groups[3]).toMatch(/^[0-9a-f]{64}$/);
    expect(groups[3]).not.toBe(groups[1]);
    expect(groups[4]).toBeUndefined();
  });

  it('delays by whole seconds, 15 minutes at most', async () => {
    await queue.send('ticket', { delayMs: 1_500 });
    await queue.send('ticket', { delayMs: 900_000 });
    const delays = sqs.commandCalls(SendMessageCommand).map(({ args }) => args[0].input.DelaySeconds);
    expect(delays).toEqual([2, 900]);
    await expect(queue.send('ticket', { delayMs: 900_001 })).rejects.toBeInstanceOf(UsageError);
    await expect(queue.send('')).rejects.toBeInstanceOf(UsageError);
    expect(sqs.commandCalls(SendMessageCommand)).toHaveLength(2);
  });

  it('asks for nothing once the signal is aborted', async () => {
    const signal = AbortSignal.abort();
    expect(await queue.receive({ waitMs: 60_000, visibilityMs: 1_000, signal })).toBeUndefined();
    expect(received()).toEqual([]);
  });
});
