import { deferred } from '../../lib/base/deferred.ts';
import { AccessDeniedError } from '../../lib/base/errors.ts';
import type { Clock } from '../../lib/base/clock.ts';
import type { Log } from '../../lib/base/log.ts';
import type { Random } from '../../lib/base/random.ts';
import { type ChunkReceiver, inProcessReceiver } from '../../lib/checkpoint/chunk-receiver.ts';
import { type ChunkSender, inProcessSender } from '../../lib/checkpoint/chunk-sender.ts';
import type { ObjectStore } from '../../lib/store/object-store.ts';
import type { OrderResult, Task, ThreadPort } from './thread-handle.ts';
import type { ThreadStart } from './thread-messages.ts';
import { ThreadPool } from './thread-pool.ts';
import type { Transfer } from './transfer.ts';
import { backgroundNiceness, lanesPerThread, transferPlan } from './transfer-plan.ts';

export interface ThreadedTransferOptions {
  /** Address of the store, for the threads. */
  readonly address: string;
  /** The same store, for what the process does by itself. */
  readonly store: ObjectStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly cores: number;
  /** @default a worker thread */
  readonly startThread?: ((start: ThreadStart) => ThreadPort) | undefined;
}

/** A background thread may be starved by the training for a while; one of normal priority may not, with a notice running. */
const silentMsMax = { background: 30_000, urgent: 10_000 };

type Urgency = 'background' | 'urgent';
interface Waiting extends Task {
  readonly urgency: Urgency;
}

/**
 * Moves checkpoints by two pools of threads over one queue: background threads of the lowest priority, and urgent ones for
 * emergencies and restores, which need no privilege to be fast because they never were slow. A task that a thread could
 * not do for a reason of its own is done once more by the process itself.
 */
export class ThreadedTransfer implements Transfer {
  readonly #options: ThreadedTransferOptions;
  readonly #pools: Readonly<Record<Urgency, ThreadPool>>;
  readonly #queue = new Set<Waiting>();
  #isHurried = false;

  constructor(options: ThreadedTransferOptions) {
    this.#options = options;
    const poolOf = (urgency: Urgency, niceness: number | undefined): ThreadPool =>
      new ThreadPool({
        store: options.address,
        lanes: lanesPerThread[urgency],
        niceness,
        clock: options.clock,
        log: options.log,
        silentMsMax: silentMsMax[urgency],
        startThread: options.startThread,
        onFree: () => this.#dispatch(),
      });
    this.#pools = {
      background: poolOf('background', backgroundNiceness),
      urgent: poolOf('urgent', undefined),
    };
  }

  /** Of each thread that is up, as it says itself. */
  get niceness(): Readonly<Record<Urgency, readonly (number | undefined)[]>> {
    return { background: this.#pools.background.niceness, urgent: this.#pools.urgent.niceness };
  }

  senderFor(bytes: number): ChunkSender | undefined {
    const plan = transferPlan(bytes, this.#options.cores);
    if (plan === undefined) return undefined;
    if (!this.#isHurried) this.#pools.background.grow(plan.backgroundThreads);
    // Beforehand, so that a notice finds them up.
    this.#growUrgent(plan.urgentThreads);
    const own = inProcessSender(this.#options);
    return {
      lanes: plan.lanes,
      cores: this.#isHurried ? plan.urgentThreads : plan.backgroundThreads,
      send: async (chunk) => {
        const { source, path, range, jobId, name, judge, signal } = chunk;
        const file = source.fileOf?.(path);
        if (file === undefined) return own.send(chunk);
        const order = { kind: 'send' as const, file, offset: range.offset, bytes: range.length, jobId, name };
        const result = await this.#run({ order, judge, signal, urgency: 'background' });
        return result.outcome === 'sent' ? result.stored : this.#byProcess(result, () => own.send(chunk));
      },
    };
  }

  receiverFor(bytes: number): ChunkReceiver | undefined {
    const plan = transferPlan(bytes, this.#options.cores);
    if (plan === undefined || plan.urgentThreads === 0) return undefined;
    this.#growUrgent(plan.urgentThreads);
    const own = inProcessReceiver(this.#options);
    return {
      lanes: plan.lanes,
      receive: async (wanted) => {
        const { chunk, places, root, signal } = wanted;
        const order = { kind: 'receive' as const, chunk, places, root };
        const result = await this.#run({ order, signal, urgency: 'urgent' });
        if (result.outcome !== 'received') await this.#byProcess(result, () => own.receive(wanted));
      },
    };
  }

  hurry(): void {
    this.#isHurried = true;
    this.#pools.urgent.warm();
    this.#dispatch();
  }

  async close(): Promise<void> {
    await Promise.all([this.#pools.background.close(), this.#pools.urgent.close()]);
    this.#dispatch();
  }

  #growUrgent(threads: number): void {
    this.#pools.urgent.grow(threads);
    // The first request of a client costs many times the next: it finds the credentials and compiles its code.
    this.#pools.urgent.warm();
  }

  async #run(task: Omit<Waiting, 'settle'>): Promise<OrderResult> {
    const { signal } = task;
    signal.throwIfAborted();
    const result = deferred<OrderResult>();
    const waiting: Waiting = { ...task, settle: (settled) => result.resolve(settled) };
    const onAbort = (): void => {
      // One that runs is settled by its thread.
      if (this.#queue.delete(waiting)) result.resolve({ outcome: 'failed', error: signal.reason });
    };
    signal.addEventListener('abort', onAbort, { once: true });
    this.#queue.add(waiting);
    this.#dispatch();
    try {
      return await result.promise;
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  #dispatch(): void {
    for (const task of this.#queue) {
      const pool = this.#pools[this.#isHurried ? 'urgent' : task.urgency];
      const thread = pool.free();
      if (thread === undefined && pool.isOpen) continue;
      this.#queue.delete(task);
      if (thread === undefined) task.settle({ outcome: 'undone', why: 'there are no threads for it' });
      else thread.run(task);
    }
  }

  /** Once more, where the thread's trouble says nothing about the chunk: it died, or it alone has no credentials. */
  async #byProcess<Result>(result: OrderResult, again: () => Promise<Result>): Promise<Result> {
    if (result.outcome === 'failed' && !isOfTheThread(result.error)) throw result.error;
    return again();
  }
}

function isOfTheThread(error: unknown): boolean {
  return error instanceof AccessDeniedError && error.caller === 'nobody';
}
