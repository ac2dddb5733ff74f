import { assert } from '../../lib/base/assert.ts';
import { type Clock, pause } from '../../lib/base/clock.ts';
import { messageOf } from '../../lib/base/errors.ts';
import type { Log } from '../../lib/base/log.ts';
import type { ChunkVerdict, StoredChunk } from '../../lib/checkpoint/store-chunk.ts';
import { errorFrom } from './portable-error.ts';
import type { FromThread, Order, ToThread } from './thread-messages.ts';

/** What came of an order that was given to a thread. */
export type OrderResult =
  | { readonly outcome: 'sent'; readonly stored: StoredChunk }
  | { readonly outcome: 'received' }
  | { readonly outcome: 'failed'; readonly error: unknown }
  /** No word about the chunk itself: the process does it once more on its own. */
  | { readonly outcome: 'undone'; readonly why: string };

export interface Task {
  readonly order: Order;
  /** Of a chunk that is sent. */
  readonly judge?: (sha256: string) => ChunkVerdict;
  readonly signal: AbortSignal;
  readonly settle: (result: OrderResult) => void;
}

interface RunningTask extends Task {
  /** Aborted when the task is settled. */
  readonly over: AbortController;
}

export interface ThreadEvents {
  readonly message: (message: FromThread) => void;
  /** Its end, wanted or not. */
  readonly ended: (why: string) => void;
}

/** The part of a `Worker` that its owner uses, so that a test can stand for one. */
export interface ThreadPort {
  say(message: ToThread): void;
  /** Called once, at the start. */
  listen(events: ThreadEvents): void;
  terminate(): Promise<unknown>;
}

export interface ThreadHandleOptions {
  readonly port: ThreadPort;
  readonly lanes: number;
  readonly clock: Clock;
  readonly log: Log;
  /** A thread that says nothing for so long, asked several times, hangs. */
  readonly silentMsMax: number;
  /** A lane is free. */
  readonly onFree: () => void;
  /** It died, or was given up; what it had is undone. */
  readonly onLost: () => void;
}

/** Aborting a request takes no network; a thread that has not done so by then is ended with all its sockets. */
const abortGraceMs = 2_000;
/** Ending a thread takes milliseconds; nobody waits for one that does not even do that. */
const terminateMsMax = 1_000;
/** Questions within the time of silence, so that one lost moment is no verdict. */
const pingsPerSilence = 3;

/** One thread as its process sees it: its orders, its signs of life, its end. */
export class ThreadHandle {
  /** As the thread says; undefined until it is up. */
  niceness: number | undefined;
  readonly #options: ThreadHandleOptions;
  readonly #tasks = new Map<number, RunningTask>();
  #nextTask = 1;
  #heardAtMs: number;
  #watch: AbortController | undefined;
  #isLost = false;

  constructor(options: ThreadHandleOptions) {
    this.#options = options;
    this.#heardAtMs = options.clock.monotonicMs();
    options.port.listen({
      message: (message) => this.#hear(message),
      ended: (why) => void this.#lose(why),
    });
  }

  get freeLanes(): number {
    return this.#isLost ? 0 : this.#options.lanes - this.#tasks.size;
  }

  run(task: Task): void {
    assert(this.freeLanes > 0, 'a thread is given work when a lane is free');
    const id = this.#nextTask++;
    const onAbort = (): void => void this.#abort(id);
    task.signal.addEventListener('abort', onAbort, { once: true });
    const over = new AbortController();
    over.signal.addEventListener('abort', () => task.signal.removeEventListener('abort', onAbort));
    this.#tasks.set(id, { ...task, over });
    this.#say({ kind: 'do', task: id, order: task.order });
    this.#watchOver();
  }

  warm(): void {
    if (!this.#isLost) this.#say({ kind: 'warm' });
  }

  /** Ends the thread; what it was doing is undone. */
  async close(): Promise<void> {
    await this.#lose(undefined);
  }

  #say(message: ToThread): void {
    this.#options.port.say(message);
  }

  #hear(message: FromThread): void {
    this.#heardAtMs = this.#options.clock.monotonicMs();
    switch (message.kind) {
      case 'ready':
        this.niceness = message.niceness;
        return;
      case 'hashed': {
        const verdict = this.#tasks.get(message.task)?.judge?.(message.sha256);
        if (verdict !== undefined) this.#say({ kind: 'verdict', task: message.task, verdict });
        return;
      }
      case 'sent':
        return this.#settle(message.task, { outcome: 'sent', stored: message.stored });
      case 'received':
        return this.#settle(message.task, { outcome: 'received' });
      case 'unreadable':
        return this.#settle(message.task, { outcome: 'undone', why: message.why });
      case 'failed':
        return this.#settle(message.task, { outcome: 'failed', error: errorFrom(message.error) });
      case 'log':
        return this.#options.log[message.level](message.event, message.fields);
      case 'pong':
        return;
    }
  }

  #settle(id: number, result: OrderResult): void {
    const task = this.#tasks.get(id);
    if (task === undefined) return;
    this.#tasks.delete(id);
    task.over.abort();
    if (this.#tasks.size === 0) this.#watch?.abort();
    task.settle(
      task.signal.aborted && result.outcome !== 'sent' && result.outcome !== 'received'
        ? { outcome: 'failed', error: task.signal.reason }
        : result,
    );
    if (!this.#isLost) this.#options.onFree();
  }

  async #abort(id: number): Promise<void> {
    const task = this.#tasks.get(id);
    if (task === undefined || this.#isLost) return;
    this.#say({ kind: 'abort', task: id });
    if (await pause(this.#options.clock, abortGraceMs, task.over.signal))
      await this.#lose('it did not stop when told to');
  }

  /** Looks after the thread while it has work. */
  #watchOver(): void {
    if (this.#watch !== undefined && !this.#watch.signal.aborted) return;
    const watch = new AbortController();
    this.#watch = watch;
    this.#heardAtMs = this.#options.clock.monotonicMs();
    void this.#askWhile(watch.signal);
  }

  async #askWhile(signal: AbortSignal): Promise<void> {
    const { clock, silentMsMax } = this.#options;
    while (await pause(clock, silentMsMax / pingsPerSilence, signal)) {
      if (clock.monotonicMs() - this.#heardAtMs >= silentMsMax) return this.#lose('it says nothing any more');
      this.#say({ kind: 'ping' });
    }
  }

  /** `why` is undefined where the end is wanted. */
  async #lose(why: string | undefined): Promise<void> {
    if (this.#isLost) return;
    this.#isLost = true;
    const { port, clock, log, onLost } = this.#options;
    if (why !== undefined) log.warn('transfer-thread-lost', { why, tasks: this.#tasks.size });
    this.#watch?.abort();
    // First the thread, so that none of its requests outlives the word that its work is undone.
    const ended = new AbortController();
    await Promise.race([
      port
        .terminate()
        .catch((error: unknown) => log.warn('transfer-thread-not-ended', { why: messageOf(error) })),
      pause(clock, terminateMsMax, ended.signal),
    ]);
    ended.abort();
    for (const id of this.#tasks.keys())
      this.#settle(id, { outcome: 'undone', why: why ?? 'the threads were closed' });
    onLost();
  }
}
