import type { Random } from '../../../lib/base/random.ts';
import type { AwsTime } from './aws-time.ts';
import { ServiceError } from './exchange.ts';

export interface QueueSettings {
  /** What a receipt handle still does after the message was received again; AWS leaves it open. */
  readonly staleHandles: 'accepted' | 'refused';
  readonly visibilitySeconds: number;
  /** `name`: as its ARN spells it; needed only where somebody asks for the RedrivePolicy. */
  readonly deadLetters?: {
    readonly queue: FakeQueue;
    readonly maxReceiveCount: number;
    readonly name?: string;
  };
}

export type MessageAttributes = Readonly<
  Record<string, { readonly DataType: string; readonly StringValue: string }>
>;

export interface FakeMessage {
  readonly id: string;
  readonly body: string;
  readonly groupId: string | undefined;
  readonly attributes: MessageAttributes;
  readonly sentAtMs: number;
  /** Of each receive, the newest last. */
  readonly handles: string[];
  visibleAtMs: number;
  /** When its current receive was asked for: the 12 hours count from here. */
  receivedAtMs: number;
}

interface Waiter {
  readonly deadlineMs: number;
  readonly visibilityMs: number;
  readonly done: (message: FakeMessage | undefined) => void;
}

const visibilityMsMax = 43_200_000;

/** One standard queue. A message is received in no order: a seeded draw among those that are visible. */
export class FakeQueue {
  readonly settings: QueueSettings;
  readonly #time: AwsTime;
  readonly #random: Random;
  readonly #messages = new Map<string, FakeMessage>();
  readonly #waiters = new Set<Waiter>();
  #cancelWake: () => void = () => {};

  constructor(time: AwsTime, random: Random, settings: QueueSettings) {
    this.settings = settings;
    this.#time = time;
    this.#random = random;
  }

  /** What the queue holds, past all faults. */
  get messages(): readonly FakeMessage[] {
    return [...this.#messages.values()];
  }

  send(message: {
    readonly body: string;
    readonly groupId: string | undefined;
    readonly delayMs: number;
    readonly attributes?: MessageAttributes;
  }): FakeMessage {
    const { body, groupId, delayMs, attributes = {} } = message;
    const id = this.#random.hex(16).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
    const sentAtMs = this.#time.now();
    const sent: FakeMessage = {
      id,
      body,
      groupId,
      attributes,
      sentAtMs,
      handles: [],
      visibleAtMs: sentAtMs + delayMs,
      receivedAtMs: 0,
    };
    this.#messages.set(id, sent);
    this.#serve();
    return sent;
  }

  /** Undefined when none came in time or the caller hung up. */
  receive(options: {
    readonly waitMs: number;
    readonly visibilityMs: number;
    readonly hungUp: AbortSignal;
  }): Promise<FakeMessage | undefined> {
    const { waitMs, visibilityMs, hungUp } = options;
    return new Promise((resolve) => {
      const waiter: Waiter = { deadlineMs: this.#time.now() + waitMs, visibilityMs, done: resolve };
      this.#waiters.add(waiter);
      hungUp.addEventListener('abort', () => {
        this.#waiters.delete(waiter);
        resolve(undefined);
      });
      this.#serve();
    });
  }

  /** @throws ServiceError when the message is deleted, not in flight, in other hands, or hidden for 12 hours */
  changeVisibility(handle: string, visibilityMs: number): void {
    const nowMs = this.#time.now();
    if (visibilityMs > visibilityMsMax) throw invalid('VisibilityTimeout', 'must be between 0 and 43200');
    const message = this.#byHandle(handle);
    if (message === undefined)
      throw invalid(
        'ReceiptHandle',
        'Message does not exist or is not available for visibility timeout change.',
      );
    if (message.visibleAtMs <= nowMs) throw new ServiceError(400, 'MessageNotInflight');
    if (nowMs + visibilityMs - message.receivedAtMs > visibilityMsMax)
      throw invalid(
        'VisibilityTimeout',
        'Total VisibilityTimeout for the message is beyond the limit [43200 seconds]',
      );
    message.visibleAtMs = nowMs + visibilityMs;
    this.#serve();
  }

  delete(handle: string): void {
    const message = this.#byHandle(handle);
    if (message !== undefined) this.#messages.delete(message.id);
  }

  depth(): { readonly visible: number; readonly inFlight: number; readonly delayed: number } {
    const nowMs = this.#time.now();
    const hidden = this.messages.filter(({ visibleAtMs }) => visibleAtMs > nowMs);
    const inFlight = hidden.filter(({ handles }) => handles.length > 0).length;
    return { visible: this.#messages.size - hidden.length, inFlight, delayed: hidden.length - inFlight };
  }

  close(): void {
    this.#cancelWake();
    for (const { done } of this.#waiters) done(undefined);
    this.#waiters.clear();
  }

  /** The message that a handle acts on. */
  #byHandle(handle: string): FakeMessage | undefined {
    const owner = /^handle-(.+)-\d+$/.exec(handle)?.[1];
    if (owner === undefined) throw new ServiceError(404, 'ReceiptHandleIsInvalid');
    const message = this.#messages.get(owner);
    const isStale = message?.handles.at(-1) !== handle;
    return isStale && this.settings.staleHandles === 'refused' ? undefined : message;
  }

  /** Gives what is visible to those who wait, the longest first; then sets the alarm for the next change. */
  #serve(): void {
    const nowMs = this.#time.now();
    for (const waiter of this.#waiters) {
      const message = this.#draw(nowMs, waiter.visibilityMs);
      if (message === undefined && waiter.deadlineMs > nowMs) continue;
      this.#waiters.delete(waiter);
      waiter.done(message);
    }
    this.#cancelWake();
    if (this.#waiters.size === 0) return;
    const changesAtMs = [
      ...[...this.#waiters].map(({ deadlineMs }) => deadlineMs),
      ...this.messages.map(({ visibleAtMs }) => visibleAtMs).filter((atMs) => atMs > nowMs),
    ];
    this.#cancelWake = this.#time.after(Math.min(...changesAtMs) - nowMs, () => this.#serve());
  }

  #draw(nowMs: number, visibilityMs: number): FakeMessage | undefined {
    for (;;) {
      const visible = this.messages.filter(({ visibleAtMs }) => visibleAtMs <= nowMs);
      const message = visible[Math.floor(this.#random.next() * visible.length)];
      if (message === undefined) return undefined;
      const { deadLetters } = this.settings;
      if (deadLetters !== undefined && message.handles.length >= deadLetters.maxReceiveCount) {
        this.#messages.delete(message.id);
        deadLetters.queue.send({ body: message.body, groupId: message.groupId, delayMs: 0 });
        continue;
      }
      message.handles.push(`handle-${message.id}-${message.handles.length + 1}`);
      message.receivedAtMs = nowMs;
      message.visibleAtMs = nowMs + visibilityMs;
      return message;
    }
  }
}

function invalid(parameter: string, reason: string): ServiceError {
  return new ServiceError(
    400,
    'InvalidParameterValue',
    `Value for parameter ${parameter} is invalid. Reason: ${reason}`,
  );
}
