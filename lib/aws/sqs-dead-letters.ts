import {
  ChangeMessageVisibilityCommand,
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  type Message,
  type MessageAttributeValue,
  ReceiveMessageCommand,
  SendMessageCommand,
} from '@aws-sdk/client-sqs';
import { z } from 'zod';
import { ConflictError, UnfitError } from '../base/errors.ts';
import type { DeadLetter, QueueMessage } from '../queue/job-queue.ts';
import { deadLettersMax, excerptOf, noSuchDeadLetter } from '../queue/queue-limits.ts';
import { given, makeSqsCall, messageBytesMax, type SqsConnection } from './sqs-calls.ts';

/** What a dead letter carries beside its body. */
const attributes = {
  reason: 'HoldfastReason',
  receives: 'HoldfastReceives',
  /** Of the whole body, where its end was cut off. */
  bodyBytes: 'HoldfastBodyBytes',
} as const;

/** Enough to say why; what is longer quotes the message. */
const reasonCharactersMax = 500;
/** What SQS does not take in a text. */
// eslint-disable-next-line no-control-regex
const refusedCharacters = /[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu;
/** SQS has no way to look without receiving. What is seen is shown again at once, or by itself after this. */
const lookSeconds = 60;
/** A long poll asks every server of the queue; a short one may miss what is there. */
const pollSeconds = 1;
/** One receive gives ten messages at most. */
const batchMax = 10;
/** Dead letters that are gone through for one of them: a person would rather purge a longer queue. */
const searchedMax = 1_000;

const redrivePolicySchema = z.object({ deadLetterTargetArn: z.string().regex(/^arn:[^:]+:sqs:/) });

/** The dead-letter queue that a queue's RedrivePolicy names. SQS wants it in the same account and region. */
export class SqsDeadLetters {
  readonly #connection: SqsConnection;
  #url: string | undefined;

  constructor(connection: SqsConnection) {
    this.#connection = connection;
  }

  /** False when the queue has no dead-letter queue. */
  async add({ body, receiveCount }: QueueMessage, reason: string): Promise<boolean> {
    const queueUrl = await this.#find();
    if (queueUrl === undefined) return false;
    const command = new SendMessageCommand({ QueueUrl: queueUrl, ...letterOf(body, reason, receiveCount) });
    await this.#call('SendMessage', queueUrl, () => this.#connection.client.send(command));
    return true;
  }

  async list(limit: number): Promise<readonly DeadLetter[]> {
    const most = Math.min(limit, deadLettersMax);
    return this.#look(most, async (messages) => {
      const letters: DeadLetter[] = [];
      for await (const message of messages) letters.push(deadLetterOf(message));
      return letters;
    });
  }

  /** Sends one of them to the jobs queue, then deletes it. */
  async giveBack(messageId: string): Promise<{ readonly messageId: string }> {
    return this.#look(searchedMax, async (messages, queueUrl) => {
      for await (const message of messages)
        if (message.MessageId === messageId) return this.#resend(message, queueUrl);
      throw noSuchDeadLetter(messageId, queueUrl);
    });
  }

  async #resend(message: Message, deadLetterUrl: string): Promise<{ readonly messageId: string }> {
    const { client, queueUrl } = this.#connection;
    const cutFrom = message.MessageAttributes?.[attributes.bodyBytes]?.StringValue;
    if (cutFrom !== undefined) {
      throw new ConflictError('the end of this message was cut off when it was set aside.', {
        facts: { messageId: message.MessageId, bytes: cutFrom },
        hint: 'Send it anew from where it came from.',
      });
    }
    const group = message.Attributes?.MessageGroupId;
    const resend = new SendMessageCommand({
      QueueUrl: queueUrl,
      MessageBody: given(message.Body, 'Body'),
      ...(group === undefined ? {} : { MessageGroupId: group }),
    });
    const { MessageId } = await this.#call('SendMessage', queueUrl, () => client.send(resend));
    const remove = new DeleteMessageCommand({
      QueueUrl: deadLetterUrl,
      ReceiptHandle: given(message.ReceiptHandle, 'ReceiptHandle'),
    });
    await this.#call('DeleteMessage', deadLetterUrl, () => client.send(remove));
    return { messageId: given(MessageId, 'MessageId') };
  }

  /** Lets `use` see up to `most` dead letters, each once, then shows them all again. */
  async #look<Result>(
    most: number,
    use: (messages: AsyncGenerator<Message, undefined>, queueUrl: string) => Promise<Result>,
  ): Promise<Result> {
    const queueUrl = await this.#find();
    if (queueUrl === undefined) {
      throw new UnfitError('the queue has no dead-letter queue:', {
        facts: { queue: this.#connection.queueUrl },
        hint: 'give it a RedrivePolicy that names one',
      });
    }
    const seen = new Map<string, string>();
    try {
      return await use(this.#receive(queueUrl, { most, seen }), queueUrl);
    } finally {
      // What cannot be shown again at once, as the one that was deleted, shows or stays away by itself.
      await Promise.allSettled([...seen.values()].map(async (handle) => this.#show(queueUrl, handle)));
    }
  }

  async *#receive(
    queueUrl: string,
    { most, seen }: { readonly most: number; readonly seen: Map<string, string> },
  ): AsyncGenerator<Message, undefined> {
    while (seen.size < most) {
      const command = new ReceiveMessageCommand({
        QueueUrl: queueUrl,
        MaxNumberOfMessages: Math.min(batchMax, most - seen.size),
        WaitTimeSeconds: pollSeconds,
        VisibilityTimeout: lookSeconds,
        MessageAttributeNames: ['All'],
        MessageSystemAttributeNames: ['SentTimestamp', 'MessageGroupId'],
      });
      const { client } = this.#connection;
      const { Messages = [] } = await this.#call('ReceiveMessage', queueUrl, () => client.send(command));
      // A standard queue may deliver one twice; nothing new means that all were seen.
      const fresh = Messages.filter(({ MessageId = '' }) => !seen.has(MessageId));
      for (const { MessageId = '', ReceiptHandle = '' } of Messages) seen.set(MessageId, ReceiptHandle);
      if (fresh.length === 0) return undefined;
      yield* fresh;
    }
    return undefined;
  }

  async #show(queueUrl: string, handle: string): Promise<void> {
    await this.#connection.client.send(
      new ChangeMessageVisibilityCommand({ QueueUrl: queueUrl, ReceiptHandle: handle, VisibilityTimeout: 0 }),
    );
  }

  async #find(): Promise<string | undefined> {
    if (this.#url !== undefined) return this.#url;
    const { client, queueUrl } = this.#connection;
    const command = new GetQueueAttributesCommand({ QueueUrl: queueUrl, AttributeNames: ['RedrivePolicy'] });
    const { Attributes } = await this.#call('GetQueueAttributes', queueUrl, () => client.send(command));
    if (Attributes?.RedrivePolicy === undefined) return undefined;
    const { deadLetterTargetArn } = redrivePolicySchema.parse(JSON.parse(Attributes.RedrivePolicy));
    // Same account, same region: the address differs in the name alone, and no permission is needed to look it up.
    this.#url = queueUrl.replace(/[^/]+$/, deadLetterTargetArn.split(':').at(-1) ?? '');
    return this.#url;
  }

  async #call<Result>(operation: string, queueUrl: string, call: () => Promise<Result>): Promise<Result> {
    return makeSqsCall({ operation, queueUrl }, call);
  }
}

/** Body and attributes together have to fit into what SQS takes. */
function letterOf(
  body: string,
  reason: string,
  receiveCount: number,
): { readonly MessageBody: string; readonly MessageAttributes: Record<string, MessageAttributeValue> } {
  const said = reason.slice(0, reasonCharactersMax).replaceAll(refusedCharacters, '\ufffd');
  const explained = {
    [attributes.reason]: { DataType: 'String', StringValue: said === '' ? 'no reason' : said },
    [attributes.receives]: { DataType: 'Number', StringValue: String(receiveCount) },
  };
  const bytes = Buffer.byteLength(body);
  if (bytes + bytesOf(explained) <= messageBytesMax)
    return { MessageBody: body, MessageAttributes: explained };
  const noted = {
    ...explained,
    [attributes.bodyBytes]: { DataType: 'Number', StringValue: String(bytes) },
  };
  // Decoded as a stream, so that a character which is cut in two is left out.
  const beginning = new TextDecoder().decode(
    Buffer.from(body).subarray(0, messageBytesMax - bytesOf(noted)),
    { stream: true },
  );
  return { MessageBody: beginning, MessageAttributes: noted };
}

function bytesOf(values: Readonly<Record<string, MessageAttributeValue>>): number {
  const lengths = Object.entries(values).map(([name, { DataType = '', StringValue = '' }]) =>
    Buffer.byteLength(name + DataType + StringValue),
  );
  return lengths.reduce((sum, length) => sum + length, 0);
}

function deadLetterOf(message: Message): DeadLetter {
  const { MessageId, Body, Attributes, MessageAttributes } = message;
  const receives = MessageAttributes?.[attributes.receives]?.StringValue;
  return {
    messageId: given(MessageId, 'MessageId'),
    excerpt: excerptOf(given(Body, 'Body')),
    reason: MessageAttributes?.[attributes.reason]?.StringValue,
    since: new Date(Number(given(Attributes?.SentTimestamp, 'SentTimestamp'))),
    receiveCount: receives === undefined ? undefined : Number(receives),
  };
}
