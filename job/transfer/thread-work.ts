import { closeSync, openSync, readSync } from 'node:fs';
import { assert, defined } from '../../lib/base/assert.ts';
import type { Clock } from '../../lib/base/clock.ts';
import { type Deferred, abortable, deferred } from '../../lib/base/deferred.ts';
import { messageOf } from '../../lib/base/errors.ts';
import { type Log, type LogFields, silentLog } from '../../lib/base/log.ts';
import type { Random } from '../../lib/base/random.ts';
import { ChunkBuffers } from '../../lib/checkpoint/chunk-buffers.ts';
import { receiveChunk } from '../../lib/checkpoint/chunk-receiver.ts';
import { type ChunkVerdict, storeChunk } from '../../lib/checkpoint/store-chunk.ts';
import { objectKeys } from '../../lib/contract/object-keys.ts';
import type { ObjectStore } from '../../lib/store/object-store.ts';
import { portableError } from './portable-error.ts';
import type { FromThread, Order, ReceiveOrder, SendOrder, ToThread } from './thread-messages.ts';

export interface ThreadWorkOptions {
  readonly store: ObjectStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly lanes: number;
  readonly say: (message: FromThread) => void;
}

interface Running {
  readonly stop: AbortController;
  readonly verdict: Deferred<ChunkVerdict>;
}

/** The file is not what its owner announced; the owner finds the words. */
class UnreadableFileError extends Error {
  override readonly name = 'UnreadableFileError';
}

/** What a transfer thread does: chunks from local files to the store and back, each from its own buffer. */
export class ThreadWork {
  readonly #options: ThreadWorkOptions;
  readonly #buffers: ChunkBuffers;
  readonly #log: Log;
  readonly #running = new Map<number, Running>();
  /** Ends when the chunks that were given to this thread so far are read and hashed; never rejects. */
  #hashed: Promise<unknown> = Promise.resolve();

  constructor(options: ThreadWorkOptions) {
    this.#options = options;
    this.#buffers = new ChunkBuffers(options.clock);
    this.#log = logThrough(options.say);
  }

  handle(message: ToThread): void {
    switch (message.kind) {
      case 'do':
        void this.#do(message.task, message.order);
        return;
      case 'verdict':
        this.#running.get(message.task)?.verdict.resolve(message.verdict);
        return;
      case 'abort':
        this.#running.get(message.task)?.stop.abort(new Error('the transfer was stopped'));
        return;
      case 'warm':
        void this.#warm();
        return;
      case 'ping':
        this.#options.say({ kind: 'pong' });
        return;
    }
  }

  async #do(task: number, order: Order): Promise<void> {
    const { lanes, say } = this.#options;
    assert(this.#running.size < lanes, 'a thread is given no more than it has lanes', { lanes });
    const running: Running = { stop: new AbortController(), verdict: deferred<ChunkVerdict>() };
    this.#running.set(task, running);
    let answer: FromThread;
    try {
      answer = await (order.kind === 'send' ? this.#send(task, order) : this.#receive(task, order));
    } catch (error) {
      answer =
        error instanceof UnreadableFileError
          ? { kind: 'unreadable', task, why: error.message }
          : { kind: 'failed', task, error: portableError(error) };
    }
    this.#running.delete(task);
    say(answer);
  }

  #send(task: number, order: SendOrder): Promise<FromThread> {
    const { store, clock, random, say } = this.#options;
    const { jobId, name, bytes } = order;
    const { stop, verdict } = this.#of(task);
    return this.#buffers.with(bytes, async (buffer) => {
      const turn = this.#takeTurn();
      try {
        const stored = await storeChunk(
          { store, clock, random },
          {
            jobId,
            name,
            bytes,
            // Reading and hashing keep this thread from nothing but itself, at its own priority; the pool of the process has another.
            read: async () => {
              await turn.isOurs;
              return readRange(order, buffer.subarray(0, bytes));
            },
            judge: (sha256) => {
              turn.end();
              say({ kind: 'hashed', task, sha256 });
              return abortable(verdict.promise, stop.signal);
            },
            signal: stop.signal,
          },
        );
        return { kind: 'sent', task, stored };
      } finally {
        turn.end();
      }
    });
  }

  /**
   * Chunks are hashed one after the other, and each is read right before: with all lanes read first, the line would wait
   * for six chunks before it got one, and what was read would have left the caches again.
   */
  #takeTurn(): { readonly isOurs: Promise<unknown>; readonly end: () => void } {
    const before = this.#hashed;
    const ended = deferred();
    this.#hashed = before.then(() => ended.promise);
    return { isOurs: before, end: () => ended.resolve() };
  }

  async #receive(task: number, { chunk, places, root }: ReceiveOrder): Promise<FromThread> {
    const { store, clock, random } = this.#options;
    const { signal } = this.#of(task).stop;
    await receiveChunk(
      { store, clock, random, log: this.#log },
      { chunk, places, root, signal },
      this.#buffers,
    );
    return { kind: 'received', task };
  }

  /** One cheap request a lane opens its connection, and finds the credentials, before bytes wait for them. */
  async #warm(): Promise<void> {
    const { store, lanes, random } = this.#options;
    this.#buffers.prepare(lanes);
    const nothing = objectKeys.probe(`warm-${random.hex(8)}`);
    // What goes wrong here goes wrong again with the first chunk, which says so.
    await Promise.all(Array.from({ length: lanes }, () => store.head(nothing).catch(() => undefined)));
  }

  #of(task: number): Running {
    return defined(this.#running.get(task), 'a task that works is known');
  }
}

/** @throws UnreadableFileError when the file cannot be opened or is shorter */
function readRange({ file, offset }: SendOrder, into: Uint8Array): Uint8Array {
  try {
    const opened = openSync(file, 'r');
    try {
      for (let filled = 0; filled < into.byteLength;) {
        const read = readSync(opened, into, filled, into.byteLength - filled, offset + filled);
        if (read === 0) throw new UnreadableFileError(`it ends at ${offset + filled}`);
        filled += read;
      }
      return into;
    } finally {
      closeSync(opened);
    }
  } catch (error) {
    throw error instanceof UnreadableFileError ? error : new UnreadableFileError(messageOf(error));
  }
}

/** The process writes the lines of its threads into its own log. */
function logThrough(say: (message: FromThread) => void): Log {
  const at =
    (level: 'info' | 'warn') =>
    (event: string, fields: LogFields = {}): void =>
      say({ kind: 'log', level, event, fields });
  return { ...silentLog, info: at('info'), warn: at('warn'), error: at('warn') };
}
