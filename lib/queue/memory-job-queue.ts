import { type Clock, pause, systemClock } from '../base/clock.ts';
import type { DeadLetter, JobQueue, QueueDepth, QueueMessage, SendOptions } from './job-queue.ts';
import {
  checkSend,
  deadLettersMax,
  excerptOf,
  holdMsMax,
  noSuchDeadLetter,
  receivesMax,
  retentionMsMax,
} from './queue-limits.ts';

export interface MemoryJobQueueOptions {
  readonly clock?: Clock;
  /** Tells queues of one process apart in `uri`. */
  readonly name?: string;
  /** What a handle still does after another receive. SQS leaves it open, so users of the port must be right with both. */
  readonly staleHandles?: 'accepted' | 'refused';
  /** Longest time from receive that renewals can keep a message hidden. */
  readonly holdMsMax?: number;
  /** Messages vanish this long after their send, whatever is done with them. */
  readonly retentionMs?: number;
  /** Receives before a message is set aside as dead. */
  readonly receivesMax?: number;
}

interface Entry {
  readonly messageId: string;
  readonly body: string;
  readonly sentAtMs: number;
  visibleAtMs: number;
  receivedAtMs: number;
  receiveCount: number;
}

interface Dead {
  readonly entry: Entry;
  readonly reason: string | undefined;
  readonly since: Date;
}

/** A queue within one process, for tests and trials: SQS semantics down to the 12 hours and the 14 days. */
export class MemoryJobQueue implements JobQueue {
  readonly uri: string;
  readonly #options: Required<Omit<MemoryJobQueueOptions, 'name'>>;
  readonly #entries = new Map<string, Entry>();
  readonly #dead = new Map<string, Dead>();
  readonly #waiting = new Set<AbortController>();
  #sent = 0;

  constructor({ name = 'queue', ...options }: MemoryJobQueueOptions = {}) {
    this.uri = `memory:${name}`;
    this.#options = {
      clock: systemClock,
      staleHandles: 'refused',
      holdMsMax,
      retentionMs: retentionMsMax,
      receivesMax,
      ...options,
    };
  }

  async send(body: string, options: SendOptions = {}): Promise<{ readonly messageId: string }> {
    checkSend(body, options);
    const messageId = `message-${++this.#sent}`;
    const sentAtMs = this.#now();
    const visibleAtMs = sentAtMs + (options.delayMs ?? 0);
    this.#entries.set(messageId, {
      messageId,
      body,
      sentAtMs,
      visibleAtMs,
      receivedAtMs: sentAtMs,
      receiveCount: 0,
    });
    this.#wakeAll();
    return { messageId };
  }

  async receive(options: {
    readonly waitMs: number;
    readonly visibilityMs: number;
    readonly signal?: AbortSignal;
  }): Promise<QueueMessage | undefined> {
    const { waitMs, visibilityMs, signal } = options;
    const givesUpAtMs = this.#now() + waitMs;
    for (;;) {
      if (signal?.aborted === true) return undefined;
      const message = this.#take(visibilityMs);
      if (message !== undefined) return message;
      if (this.#now() >= givesUpAtMs) return undefined;
      await this.#waitUntil(Math.min(givesUpAtMs, this.#nextVisibleAtMs()), signal);
    }
  }

  async changeVisibility(receiptHandle: string, visibilityMs: number): Promise<'changed' | 'lost'> {
    const entry = this.#entryOf(receiptHandle);
    const now = this.#now();
    if (entry === undefined || entry.visibleAtMs <= now) return 'lost';
    if (now + visibilityMs > entry.receivedAtMs + this.#options.holdMsMax) return 'lost';
    entry.visibleAtMs = now + visibilityMs;
    this.#wakeAll();
    return 'changed';
  }

  async delete(receiptHandle: string): Promise<void> {
    const entry = this.#entryOf(receiptHandle);
    if (entry !== undefined) this.#entries.delete(entry.messageId);
  }

  async depth(): Promise<QueueDepth> {
    this.#expire();
    const now = this.#now();
    const entries = [...this.#entries.values()];
    const hidden = entries.filter(({ visibleAtMs }) => visibleAtMs > now);
    const delayed = hidden.filter(({ receiveCount }) => receiveCount === 0).length;
    return { visible: entries.length - hidden.length, inFlight: hidden.length - delayed, delayed };
  }

  async setAside(message: QueueMessage, reason: string): Promise<'set-aside' | 'left'> {
    const entry = this.#entryOf(message.receiptHandle);
    if (entry === undefined) return 'left';
    this.#bury(entry, reason);
    return 'set-aside';
  }

  async deadLetters({ limit }: { readonly limit: number }): Promise<readonly DeadLetter[]> {
    const shown = [...this.#dead.values()].slice(0, Math.min(limit, deadLettersMax));
    return shown.map(({ entry, reason, since }) => ({
      messageId: entry.messageId,
      excerpt: excerptOf(entry.body),
      reason,
      since,
      receiveCount: entry.receiveCount,
    }));
  }

  async redrive(messageId: string): Promise<{ readonly messageId: string }> {
    const dead = this.#dead.get(messageId);
    if (dead === undefined) throw noSuchDeadLetter(messageId, this.uri);
    const sent = await this.send(dead.entry.body);
    this.#dead.delete(messageId);
    return sent;
  }

  async close(): Promise<void> {
    this.#wakeAll();
  }

  /** Monotonic: a step of the wall clock must not show hidden messages. */
  #now(): number {
    return this.#options.clock.monotonicMs();
  }

  #take(visibilityMs: number): QueueMessage | undefined {
    this.#expire();
    const now = this.#now();
    const visible = [...this.#entries.values()].filter(({ visibleAtMs }) => visibleAtMs <= now);
    for (const entry of visible.toSorted((left, right) => left.visibleAtMs - right.visibleAtMs)) {
      if (entry.receiveCount < this.#options.receivesMax) {
        entry.receiveCount++;
        entry.receivedAtMs = now;
        entry.visibleAtMs = now + visibilityMs;
        const { messageId, body, receiveCount } = entry;
        return { messageId, body, receiveCount, receiptHandle: `${messageId}:${receiveCount}` };
      }
      this.#bury(entry, undefined);
    }
    return undefined;
  }

  #bury(entry: Entry, reason: string | undefined): void {
    this.#entries.delete(entry.messageId);
    this.#dead.set(entry.messageId, { entry, reason, since: this.#options.clock.now() });
  }

  #expire(): void {
    const oldest = this.#now() - this.#options.retentionMs;
    for (const [id, { sentAtMs }] of this.#entries) if (sentAtMs <= oldest) this.#entries.delete(id);
  }

  #entryOf(receiptHandle: string): Entry | undefined {
    this.#expire();
    const [messageId = '', receive] = receiptHandle.split(':');
    const entry = this.#entries.get(messageId);
    const isCurrent = entry?.receiveCount === Number(receive);
    return isCurrent || this.#options.staleHandles === 'accepted' ? entry : undefined;
  }

  #nextVisibleAtMs(): number {
    return Math.min(...[...this.#entries.values()].map(({ visibleAtMs }) => visibleAtMs));
  }

  async #waitUntil(atMs: number, signal: AbortSignal | undefined): Promise<void> {
    const waiter = new AbortController();
    const wake = (): void => waiter.abort();
    this.#waiting.add(waiter);
    signal?.addEventListener('abort', wake, { once: true });
    await pause(this.#options.clock, Math.ceil(atMs - this.#now()), waiter.signal);
    signal?.removeEventListener('abort', wake);
    this.#waiting.delete(waiter);
  }

  #wakeAll(): void {
    for (const waiter of this.#waiting) waiter.abort();
  }
}
