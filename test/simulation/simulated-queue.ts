import { NotFoundError } from '../../lib/base/errors.ts';
import type {
  DeadLetter,
  JobQueue,
  QueueDepth,
  QueueMessage,
  SendOptions,
} from '../../lib/queue/job-queue.ts';
import { type Random } from '../../lib/base/random.ts';
import { oneOf } from './chance.ts';
import type { Timeline } from './timeline.ts';

interface Message {
  readonly messageId: string;
  readonly body: string;
  visibleAtMs: number;
  receivedAtMs: number;
  receiveCount: number;
}

export interface QueueWatch {
  readonly sent: (messageId: string, body: string) => void;
  readonly removed: (messageId: string) => void;
  readonly vanished: (messageId: string) => void;
}

export interface SimulatedQueueOptions {
  readonly timeline: Timeline;
  readonly random: Random;
  /** What a handle still does after another receive: SQS leaves it open. */
  readonly staleHandles: 'accepted' | 'refused';
  readonly watch: QueueWatch;
}

/** SQS keeps a message hidden for this long from its receive at most. */
const holdMsMax = 12 * 3_600_000;

/** A standard queue of SQS as its users see it, with the freedom that SQS takes: any order, and what the world does to a message. */
export class SimulatedQueue implements JobQueue {
  readonly uri = 'memory:queue';
  readonly #options: SimulatedQueueOptions;
  readonly #messages = new Map<string, Message>();
  readonly #dead: Message[] = [];
  readonly #waiting = new Set<() => void>();
  #sent = 0;

  constructor(options: SimulatedQueueOptions) {
    this.#options = options;
  }

  async send(body: string, { delayMs = 0 }: SendOptions = {}): Promise<{ readonly messageId: string }> {
    const messageId = `m${++this.#sent}`;
    const { nowMs } = this.#options.timeline;
    this.#messages.set(messageId, {
      messageId,
      body,
      visibleAtMs: nowMs + delayMs,
      receivedAtMs: nowMs,
      receiveCount: 0,
    });
    this.#options.watch.sent(messageId, body);
    this.#showAt(nowMs + delayMs);
    return { messageId };
  }

  async receive(options: {
    readonly waitMs: number;
    readonly visibilityMs: number;
    readonly signal?: AbortSignal;
  }): Promise<QueueMessage | undefined> {
    const { waitMs, visibilityMs, signal } = options;
    const { timeline } = this.#options;
    const endMs = timeline.nowMs + waitMs;
    for (;;) {
      if (signal?.aborted === true) return undefined;
      const message = this.#take(visibilityMs);
      if (message !== undefined) return message;
      if (timeline.nowMs >= endMs) return undefined;
      await this.#untilShown(endMs, signal);
    }
  }

  async changeVisibility(handle: string, visibilityMs: number): Promise<'changed' | 'lost'> {
    const { nowMs } = this.#options.timeline;
    const message = this.#messageOf(handle);
    if (message === undefined || message.visibleAtMs <= nowMs) return 'lost';
    if (nowMs + visibilityMs > message.receivedAtMs + holdMsMax) return 'lost';
    message.visibleAtMs = nowMs + visibilityMs;
    this.#showAt(message.visibleAtMs);
    return 'changed';
  }

  async delete(handle: string): Promise<void> {
    const message = this.#messageOf(handle);
    if (message === undefined) return;
    this.#messages.delete(message.messageId);
    this.#options.watch.removed(message.messageId);
  }

  async depth(): Promise<QueueDepth> {
    const hidden = [...this.#messages.values()].filter(
      ({ visibleAtMs }) => visibleAtMs > this.#options.timeline.nowMs,
    );
    const delayed = hidden.filter(({ receiveCount }) => receiveCount === 0).length;
    return { visible: this.#messages.size - hidden.length, inFlight: hidden.length - delayed, delayed };
  }

  async setAside(message: QueueMessage): Promise<'set-aside' | 'left'> {
    const entry = this.#messageOf(message.receiptHandle);
    if (entry === undefined) return 'left';
    this.#dead.push(entry);
    this.#lose(entry);
    return 'set-aside';
  }

  async deadLetters(): Promise<readonly DeadLetter[]> {
    return [];
  }

  async redrive(messageId: string): Promise<{ readonly messageId: string }> {
    throw new NotFoundError(`no dead letter ${messageId}.`);
  }

  async close(): Promise<void> {}

  /** Messages that nobody could read, which no history makes. */
  get deadBodies(): readonly string[] {
    return this.#dead.map(({ body }) => body);
  }

  /** What the world does to one message whose body contains `part`; false where there is none. */
  trouble(fault: 'lost' | 'twice' | 'shown', part: string): boolean {
    const messages = [...this.#messages.values()].filter(({ body }) => body.includes(part));
    if (messages.length === 0) return false;
    const message = oneOf(this.#options.random, messages);
    if (fault === 'lost') this.#lose(message);
    else if (fault === 'twice') void this.send(message.body);
    else {
      message.visibleAtMs = this.#options.timeline.nowMs;
      this.#showAt(message.visibleAtMs);
    }
    return true;
  }

  #lose({ messageId }: Message): void {
    this.#messages.delete(messageId);
    this.#options.watch.vanished(messageId);
  }

  #take(visibilityMs: number): QueueMessage | undefined {
    const { timeline, random } = this.#options;
    const { nowMs } = timeline;
    const visible = [...this.#messages.values()].filter(({ visibleAtMs }) => visibleAtMs <= nowMs);
    if (visible.length === 0) return undefined;
    const message = oneOf(random, visible);
    message.receiveCount++;
    message.receivedAtMs = nowMs;
    message.visibleAtMs = nowMs + visibilityMs;
    this.#showAt(message.visibleAtMs);
    const { messageId, body, receiveCount } = message;
    return { messageId, body, receiveCount, receiptHandle: `${messageId}:${receiveCount}` };
  }

  #messageOf(handle: string): Message | undefined {
    const [messageId = '', receive] = handle.split(':');
    const message = this.#messages.get(messageId);
    const isCurrent = message?.receiveCount === Number(receive);
    return isCurrent || this.#options.staleHandles === 'accepted' ? message : undefined;
  }

  /** Whoever waits looks again at this time. */
  #showAt(atMs: number): void {
    const { timeline } = this.#options;
    timeline.after(atMs - timeline.nowMs, () => {
      if (this.#waiting.size === 0) return false;
      // One look is enough: whoever takes nothing leaves the others waiting for nothing as well.
      for (const wake of this.#waiting) wake();
      return true;
    });
  }

  async #untilShown(endMs: number, signal: AbortSignal | undefined): Promise<void> {
    const { timeline } = this.#options;
    await new Promise<void>((resolve) => {
      let isOver = false;
      const wake = (): boolean => {
        if (isOver) return false;
        isOver = true;
        this.#waiting.delete(wake);
        signal?.removeEventListener('abort', wake);
        resolve();
        return true;
      };
      this.#waiting.add(wake);
      signal?.addEventListener('abort', wake, { once: true });
      timeline.after(endMs - timeline.nowMs, wake);
    });
  }
}
