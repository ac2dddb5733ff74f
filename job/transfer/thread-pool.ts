import { Worker } from 'node:worker_threads';
import type { Clock } from '../../lib/base/clock.ts';
import { messageOf } from '../../lib/base/errors.ts';
import type { Log } from '../../lib/base/log.ts';
import { builtFile } from '../../lib/base/package-files.ts';
import { ThreadHandle, type ThreadPort } from './thread-handle.ts';
import type { ThreadStart } from './thread-messages.ts';

export interface ThreadPoolOptions extends ThreadStart {
  readonly clock: Clock;
  readonly log: Log;
  readonly silentMsMax: number;
  readonly onFree: () => void;
  /** @default a worker thread of the built entry */
  readonly startThread?: ((start: ThreadStart) => ThreadPort) | undefined;
}

/** Threads of one pool that may die before it is closed for good: what kills three of them would kill the next. */
const deathsMax = 3;
/** A thread holds eight buffers at most and little else; more is a leak, and it must not take the machine with it. */
const heapMegabytesMax = 256;

/** Threads of one priority that all do the same. */
export class ThreadPool {
  readonly #options: ThreadPoolOptions;
  readonly #threads = new Set<ThreadHandle>();
  #wanted = 0;
  #deaths = 0;
  #isClosed = false;

  constructor(options: ThreadPoolOptions) {
    this.#options = options;
  }

  /** False where nothing can be expected of it: nobody asked for threads, or they die. */
  get isOpen(): boolean {
    return this.#wanted > 0 && !this.#isClosed;
  }

  /** Lanes of all threads. */
  get lanes(): number {
    return this.isOpen ? this.#wanted * this.#options.lanes : 0;
  }

  /** As the threads themselves say, once they are up. */
  get niceness(): readonly (number | undefined)[] {
    return [...this.#threads].map((thread) => thread.niceness);
  }

  /** Starts threads until there are `threads`, or as many as the machine lets. Never fewer: starting one takes longer than a chunk. */
  grow(threads: number): void {
    this.#wanted = Math.max(this.#wanted, threads);
    while (!this.#isClosed && this.#threads.size < this.#wanted) this.#start();
  }

  /** The thread with the most free lanes, if any has one. */
  free(): ThreadHandle | undefined {
    const [first] = [...this.#threads].toSorted((left, right) => right.freeLanes - left.freeLanes);
    return first !== undefined && first.freeLanes > 0 ? first : undefined;
  }

  /** Has buffers and connections made ready. */
  warm(): void {
    for (const thread of this.#threads) thread.warm();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all([...this.#threads].map((thread) => thread.close()));
  }

  #start(): void {
    const {
      clock,
      log,
      silentMsMax,
      onFree,
      lanes,
      store,
      niceness,
      startThread = startWorker,
    } = this.#options;
    let port: ThreadPort;
    try {
      port = startThread({ store, lanes, niceness });
    } catch (error) {
      // The machine, or a limit of its container, has no room for another one: what is there does the work, or the process.
      log.warn('transfer-thread-not-started', { why: messageOf(error), threads: this.#threads.size });
      this.#wanted = this.#threads.size;
      return;
    }
    const thread: ThreadHandle = new ThreadHandle({
      port,
      lanes,
      clock,
      log,
      silentMsMax,
      onFree,
      onLost: () => this.#lost(thread),
    });
    this.#threads.add(thread);
  }

  #lost(thread: ThreadHandle): void {
    this.#threads.delete(thread);
    if (this.#isClosed) return;
    if (++this.#deaths >= deathsMax) {
      this.#options.log.warn('transfer-threads-given-up', { deaths: this.#deaths });
      void this.close();
    } else this.grow(this.#wanted);
    this.#options.onFree();
  }
}

function startWorker(start: ThreadStart): ThreadPort {
  const worker = new Worker(builtFile('job/transfer/transfer-thread.js'), {
    workerData: start,
    name: start.niceness === undefined ? 'holdfast-urgent' : 'holdfast-transfer',
    resourceLimits: { maxOldGenerationSizeMb: heapMegabytesMax },
  });
  return {
    say: (message) => worker.postMessage(message, []),
    listen: ({ message, ended }) => {
      worker.on('message', message);
      worker.on('error', (error) => ended(messageOf(error)));
      worker.on('exit', (code) => ended(`it exited with ${code}`));
    },
    terminate: () => worker.terminate(),
  };
}
