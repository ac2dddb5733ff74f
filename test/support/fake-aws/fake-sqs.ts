import { createHash } from 'node:crypto';
import type { Random } from '../../../lib/base/random.ts';
import type { AwsTime } from './aws-time.ts';
import { type FakeAnswer, type FakeRequest, ServiceError } from './exchange.ts';
import { type FakeMessage, FakeQueue, type MessageAttributes, type QueueSettings } from './fake-queue.ts';

type Input = Readonly<Record<string, unknown>>;

/** SQS in its JSON protocol, as far as a job queue of Holdfast goes. */
export class FakeSqs {
  readonly #time: AwsTime;
  readonly #random: Random;
  readonly #queues = new Map<string, FakeQueue>();

  constructor(time: AwsTime, random: Random) {
    this.#time = time;
    this.#random = random;
  }

  createQueue(name: string, settings: Partial<QueueSettings> = {}): FakeQueue {
    const defaults = { staleHandles: 'refused', visibilitySeconds: 30 } as const;
    const queue = new FakeQueue(this.#time, this.#random, { ...defaults, ...settings });
    this.#queues.set(name, queue);
    return queue;
  }

  queue(name: string): FakeQueue {
    const queue = this.#queues.get(name);
    if (queue === undefined) throw new ServiceError(400, 'QueueDoesNotExist');
    return queue;
  }

  close(): void {
    for (const queue of this.#queues.values()) queue.close();
  }

  async answer(request: FakeRequest, body: Buffer, hungUp: AbortSignal): Promise<FakeAnswer> {
    const input: Input = JSON.parse(body.toString());
    const queue = this.queue(text(input, 'QueueUrl').split('/').at(-1) ?? '');
    switch (request.operation) {
      case 'SendMessage':
        return jsonAnswer(send(queue, input));
      case 'ReceiveMessage':
        return jsonAnswer(await receive(queue, input, hungUp));
      case 'ChangeMessageVisibility':
        queue.changeVisibility(
          text(input, 'ReceiptHandle'),
          1_000 * number(input, 'VisibilityTimeout', { absent: 0, most: 43_200 }),
        );
        return jsonAnswer({});
      case 'DeleteMessage':
        queue.delete(text(input, 'ReceiptHandle'));
        return jsonAnswer({});
      case 'GetQueueAttributes':
        return jsonAnswer({ Attributes: askedOf(attributes(queue), input['AttributeNames']) });
      default:
        throw new ServiceError(400, 'UnsupportedOperation', request.operation);
    }
  }
}

export function sqsError({ status, code, message }: ServiceError): FakeAnswer {
  // The name in the older protocol, which the JSON protocol repeats in a header.
  const older: Readonly<Record<string, string>> = {
    QueueDoesNotExist: 'AWS.SimpleQueueService.NonExistentQueue',
    MessageNotInflight: 'AWS.SimpleQueueService.MessageNotInflight',
  };
  return {
    status,
    headers: {
      'content-type': 'application/x-amz-json-1.0',
      'x-amzn-query-error': `${older[code] ?? code};${status < 500 ? 'Sender' : 'Receiver'}`,
    },
    body: JSON.stringify({ __type: `com.amazonaws.sqs#${code}`, message }),
  };
}

function send(queue: FakeQueue, input: Input): unknown {
  const body = text(input, 'MessageBody');
  const groupId = input['MessageGroupId'] === undefined ? undefined : text(input, 'MessageGroupId');
  const attributes = attributesOf(input['MessageAttributes']);
  const bytes = Buffer.byteLength(body) + bytesOf(attributes);
  if (body === '' || bytes > 1_048_576)
    throw new ServiceError(400, 'InvalidParameterValue', `${bytes} bytes for a message`);
  if (groupId !== undefined && !/^[!-~]{1,128}$/.test(groupId))
    throw new ServiceError(400, 'InvalidParameterValue', 'MessageGroupId');
  const delayMs = 1_000 * number(input, 'DelaySeconds', { absent: 0, most: 900 });
  const sent = queue.send({ body, groupId, delayMs, attributes });
  return { MessageId: sent.id, MD5OfMessageBody: md5(body) };
}

async function receive(queue: FakeQueue, input: Input, hungUp: AbortSignal): Promise<unknown> {
  const message = await queue.receive({
    waitMs: 1_000 * number(input, 'WaitTimeSeconds', { absent: 0, most: 20 }),
    visibilityMs:
      1_000 * number(input, 'VisibilityTimeout', { absent: queue.settings.visibilitySeconds, most: 43_200 }),
    hungUp,
  });
  return message === undefined ? {} : { Messages: [received(message, input)] };
}

function received({ id, body, handles, groupId, sentAtMs, attributes }: FakeMessage, input: Input): unknown {
  const system: Readonly<Record<string, string | undefined>> = {
    ApproximateReceiveCount: String(handles.length),
    SentTimestamp: String(sentAtMs),
    MessageGroupId: groupId,
  };
  const asked = Object.entries(system).filter(([name]) =>
    includes(input['MessageSystemAttributeNames'], name),
  );
  const isAsked = includes(input['MessageAttributeNames'], 'All') && Object.keys(attributes).length > 0;
  return {
    MessageId: id,
    Body: body,
    MD5OfBody: md5(body),
    ReceiptHandle: handles.at(-1),
    ...(asked.length === 0 ? {} : { Attributes: Object.fromEntries(asked) }),
    ...(isAsked ? { MessageAttributes: attributes } : {}),
  };
}

const includes = (names: unknown, name: string): boolean => Array.isArray(names) && names.includes(name);

/** What SQS takes in a text: XML's characters. */
// eslint-disable-next-line no-control-regex
const refused = /[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/u;

function attributesOf(value: unknown): MessageAttributes {
  if (value === undefined) return {};
  const attributes = value as MessageAttributes;
  for (const [name, { DataType, StringValue }] of Object.entries(attributes)) {
    if (!/^[A-Za-z0-9_.-]{1,256}$/.test(name) || !/^(?:String|Number)$/.test(DataType) || StringValue === '')
      throw new ServiceError(400, 'InvalidParameterValue', name);
    if (refused.test(StringValue)) throw new ServiceError(400, 'InvalidMessageContents', name);
  }
  return attributes;
}

function bytesOf(attributes: MessageAttributes): number {
  return Object.entries(attributes)
    .map(([name, { DataType, StringValue }]) => Buffer.byteLength(name + DataType + StringValue))
    .reduce((sum, bytes) => sum + bytes, 0);
}

function askedOf(all: Readonly<Record<string, string>>, names: unknown): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(all).filter(([name]) => includes(names, name)));
}

function attributes(queue: FakeQueue): Readonly<Record<string, string>> {
  const { visible, inFlight, delayed } = queue.depth();
  const { deadLetters } = queue.settings;
  const arn = `arn:aws:sqs:eu-west-1:123456789012:${deadLetters?.name ?? 'dead-letters'}`;
  return {
    ...(deadLetters === undefined
      ? {}
      : {
          RedrivePolicy: JSON.stringify({
            deadLetterTargetArn: arn,
            maxReceiveCount: deadLetters.maxReceiveCount,
          }),
        }),
    ApproximateNumberOfMessages: String(visible),
    ApproximateNumberOfMessagesNotVisible: String(inFlight),
    ApproximateNumberOfMessagesDelayed: String(delayed),
  };
}

function jsonAnswer(output: unknown): FakeAnswer {
  return {
    status: 200,
    headers: { 'content-type': 'application/x-amz-json-1.0' },
    body: JSON.stringify(output),
  };
}

function md5(body: string): string {
  return createHash('md5').update(body).digest('hex');
}

function text(input: Input, name: string): string {
  const value = input[name];
  if (typeof value !== 'string') throw new ServiceError(400, 'MissingParameter', name);
  return value;
}

function number(
  input: Input,
  name: string,
  range: { readonly absent: number; readonly most: number },
): number {
  const value = input[name] ?? range.absent;
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > range.most)
    throw new ServiceError(400, 'InvalidParameterValue', `${JSON.stringify(value)} for parameter ${name}`);
  return value;
}
