import {
  ChangeMessageVisibilityCommand,
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  type Message,
  ReceiveMessageCommand,
  SendMessageCommand,
  SQSClient,
  type SQSClientConfig,
} from '@aws-sdk/client-sqs';
import { sha256Hex } from '../base/digest.ts';
import { UsageError } from '../base/errors.ts';
import type { DeadLetter, JobQueue, QueueDepth, QueueMessage, SendOptions } from '../queue/job-queue.ts';
import { awsTimeouts, type AwsTimeouts } from './aws-timeouts.ts';
import { configuredEndpoint } from './configured-endpoint.ts';
import { parseSqsUrl, type SqsAddress } from './sqs-address.ts';
import { countOf, given, isLost, makeSqsCall, messageBytesMax } from './sqs-calls.ts';
import { SqsDeadLetters } from './sqs-dead-letters.ts';

export interface SqsOptions {
  /** Instead of the SDK's own chain: environment, profile, instance role. */
  readonly credentials?: NonNullable<SQSClientConfig['credentials']>;
  readonly timeouts?: AwsTimeouts;
}

/** SQS hides a message for 12 hours at most, counted from the receive; exactly 43,200 is refused as too long by then. */
const visibilitySecondsMax = 43_195;
const delaySecondsMax = 900;
/** One long poll. */
const pollSecondsMax = 20;
/** What SQS takes as a MessageGroupId. */
const groupIdForm = /^[a-zA-Z0-9!-/:-@[-`{-~]{1,128}$/;

/**
 * The job queue on SQS (a standard queue), by its URL; `?region=` and `?endpoint=` may be added.
 * A receive that is aborted may have taken a message with it: that one shows again when its visibility is over.
 * @throws UsageError for a malformed URL or when no region is known; UnfitError for a FIFO queue
 */
export async function openSqsJobQueue(uri: string, options: SqsOptions = {}): Promise<JobQueue> {
  const address = parseSqsUrl(uri, configuredEndpoint('SQS'));
  const { timeouts = awsTimeouts, credentials } = options;
  const client = new SQSClient({
    // A call that is made twice does no harm here: an extra ticket is harmless, and the other calls are idempotent.
    maxAttempts: 3,
    // Where the queue's URL names a host, the SDK would call that host in spite of an endpoint from the environment.
    useQueueUrlAsEndpoint: false,
    // TLS guards the bytes and the ticket is parsed; MD5 does not exist on machines in FIPS mode.
    md5: false,
    requestHandler: {
      connectionTimeout: timeouts.connectMs,
      requestTimeout: timeouts.answerMs,
      throwOnRequestTimeout: true,
      httpAgent: { keepAlive: true },
      httpsAgent: { keepAlive: true },
    },
    ...(address.region === undefined ? {} : { region: address.region }),
    ...(address.endpoint === undefined ? {} : { endpoint: address.endpoint }),
    ...(credentials === undefined ? {} : { credentials }),
  });
  await requireRegion(client, address);
  return new SqsJobQueue({ uri, client, address, timeouts });
}

async function requireRegion(client: SQSClient, address: SqsAddress): Promise<void> {
  try {
    await client.config.region();
  } catch (cause) {
    client.destroy();
    throw new UsageError('the region of the queue is not known:', {
      facts: { queue: address.queueUrl },
      hint: 'add ?region=… to its URL or set AWS_REGION',
      cause,
    });
  }
}

class SqsJobQueue implements JobQueue {
  readonly uri: string;
  readonly #client: SQSClient;
  readonly #queueUrl: string;
  readonly #timeouts: AwsTimeouts;
  readonly #dead: SqsDeadLetters;

  constructor(facts: {
    readonly uri: string;
    readonly client: SQSClient;
    readonly address: SqsAddress;
    readonly timeouts: AwsTimeouts;
  }) {
    this.uri = facts.uri;
    this.#client = facts.client;
    this.#queueUrl = facts.address.queueUrl;
    this.#timeouts = facts.timeouts;
    this.#dead = new SqsDeadLetters({ client: facts.client, queueUrl: facts.address.queueUrl });
  }

  /** @throws UsageError for a body over 1 MiB or a delay over 15 minutes */
  async send(body: string, options: SendOptions = {}): Promise<{ readonly messageId: string }> {
    const { groupId, delayMs = 0 } = options;
    refuseUnsendable(body, delayMs);
    const command = new SendMessageCommand({
      QueueUrl: this.#queueUrl,
      MessageBody: body,
      ...(groupId === undefined ? {} : { MessageGroupId: groupIdOf(groupId) }),
      ...(delayMs === 0 ? {} : { DelaySeconds: secondsUp(delayMs) }),
    });
    const { MessageId } = await this.#make('SendMessage', () => this.#client.send(command));
    return { messageId: given(MessageId, 'MessageId') };
  }

  async receive(options: {
    readonly waitMs: number;
    readonly visibilityMs: number;
    readonly signal?: AbortSignal;
  }): Promise<QueueMessage | undefined> {
    const { waitMs, visibilityMs, signal } = options;
    // SQS waits whole seconds, 20 at most: a longer wait is several polls.
    for (let left = secondsUp(waitMs); ; left -= pollSecondsMax) {
      if (signal?.aborted === true) return undefined;
      const waitSeconds = Math.min(left, pollSecondsMax);
      const message = await this.#poll({ waitSeconds, visibilityMs, signal });
      if (message !== undefined || left <= pollSecondsMax) return message;
    }
  }

  async changeVisibility(receiptHandle: string, visibilityMs: number): Promise<'changed' | 'lost'> {
    const command = new ChangeMessageVisibilityCommand({
      QueueUrl: this.#queueUrl,
      ReceiptHandle: receiptHandle,
      VisibilityTimeout: visibilitySeconds(visibilityMs),
    });
    return this.#make('ChangeMessageVisibility', async () => {
      try {
        await this.#client.send(command);
        return 'changed';
      } catch (error) {
        if (isLost(error)) return 'lost';
        throw error;
      }
    });
  }

  async delete(receiptHandle: string): Promise<void> {
    const command = new DeleteMessageCommand({ QueueUrl: this.#queueUrl, ReceiptHandle: receiptHandle });
    await this.#make('DeleteMessage', async () => {
      try {
        await this.#client.send(command);
      } catch (error) {
        if (!isLost(error)) throw error;
      }
    });
  }

  async depth(): Promise<QueueDepth> {
    const command = new GetQueueAttributesCommand({
      QueueUrl: this.#queueUrl,
      AttributeNames: [
        'ApproximateNumberOfMessages',
        'ApproximateNumberOfMessagesNotVisible',
        'ApproximateNumberOfMessagesDelayed',
      ],
    });
    const { Attributes = {} } = await this.#make('GetQueueAttributes', () => this.#client.send(command));
    return {
      visible: countOf(Attributes.ApproximateNumberOfMessages, 'ApproximateNumberOfMessages'),
      inFlight: countOf(Attributes.ApproximateNumberOfMessagesNotVisible, '…NotVisible'),
      delayed: countOf(Attributes.ApproximateNumberOfMessagesDelayed, '…Delayed'),
    };
  }

  async setAside(message: QueueMessage, reason: string): Promise<'set-aside' | 'left'> {
    if (!(await this.#dead.add(message, reason))) return 'left';
    await this.delete(message.receiptHandle);
    return 'set-aside';
  }

  deadLetters({ limit }: { readonly limit: number }): Promise<readonly DeadLetter[]> {
    return this.#dead.list(limit);
  }

  redrive(messageId: string): Promise<{ readonly messageId: string }> {
    return this.#dead.giveBack(messageId);
  }

  close(): Promise<void> {
    this.#client.destroy();
    return Promise.resolve();
  }

  async #poll(poll: {
    readonly waitSeconds: number;
    readonly visibilityMs: number;
    readonly signal: AbortSignal | undefined;
  }): Promise<QueueMessage | undefined> {
    const { waitSeconds, visibilityMs, signal } = poll;
    const command = new ReceiveMessageCommand({
      QueueUrl: this.#queueUrl,
      MaxNumberOfMessages: 1,
      WaitTimeSeconds: waitSeconds,
      VisibilityTimeout: visibilitySeconds(visibilityMs),
      MessageSystemAttributeNames: ['ApproximateReceiveCount'],
    });
    const options = {
      requestTimeout: this.#timeouts.answerMs + waitSeconds * 1_000,
      ...(signal === undefined ? {} : { abortSignal: signal }),
    };
    return this.#make('ReceiveMessage', async () => {
      try {
        const { Messages = [] } = await this.#client.send(command, options);
        return Messages[0] === undefined ? undefined : messageOf(Messages[0]);
      } catch (error) {
        if (signal?.aborted === true) return undefined;
        throw error;
      }
    });
  }

  #make<Result>(operation: string, call: () => Promise<Result>): Promise<Result> {
    return makeSqsCall({ operation, queueUrl: this.#queueUrl }, call);
  }
}

function refuseUnsendable(body: string, delayMs: number): void {
  const bytes = Buffer.byteLength(body);
  if (bytes > messageBytesMax || bytes === 0)
    throw new UsageError('a message has 1 byte to 1 MiB:', {
      facts: { bytes, bytesMax: messageBytesMax },
      hint: 'put large parameters into an object and name it',
    });
  if (secondsUp(delayMs) > delaySecondsMax)
    throw new UsageError('a message is delayed by 15 minutes at most:', { facts: { delayMs } });
}

/** Groups matter only for being equal, so a name that SQS does not take stands for itself by its digest. */
function groupIdOf(owner: string): string {
  return groupIdForm.test(owner) ? owner : sha256Hex(owner);
}

/** Rounded up: a message hidden for too short is worked on twice, for too long only later. */
function secondsUp(ms: number): number {
  return Math.ceil(Math.max(0, ms) / 1_000);
}

function visibilitySeconds(ms: number): number {
  return Math.min(secondsUp(ms), visibilitySecondsMax);
}

function messageOf(message: Message): QueueMessage {
  return {
    messageId: given(message.MessageId, 'MessageId'),
    body: given(message.Body, 'Body'),
    receiptHandle: given(message.ReceiptHandle, 'ReceiptHandle'),
    receiveCount: countOf(message.Attributes?.ApproximateReceiveCount, 'ApproximateReceiveCount'),
  };
}
