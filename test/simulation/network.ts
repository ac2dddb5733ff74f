import type { Random } from '../../lib/base/random.ts';
import { AccessDeniedError, TransientError } from '../../lib/base/errors.ts';
import type { JobQueue } from '../../lib/queue/job-queue.ts';
import type { ObjectStore } from '../../lib/store/object-store.ts';
import { between, chanceOf, isDrawn } from './chance.ts';
import type { RequestFault } from './troubles.ts';
import type { SimulatedProcess } from './simulated-process.ts';

export interface NetworkOptions {
  readonly process: SimulatedProcess;
  readonly seed: number;
  readonly store: ObjectStore;
  readonly queue: JobQueue;
  /** What becomes of this process's nth request; undefined: nothing is wrong with it. */
  readonly faultOf: (nth: number, to: 'store' | 'queue') => RequestFault | undefined;
  readonly note: (what: string) => void;
}

interface Request {
  readonly to: 'store' | 'queue';
  readonly what: string;
  readonly signal?: AbortSignal | undefined;
  /** A write with a condition may be refused with the word that nothing was done. */
  readonly isConditional?: boolean;
}

/** One request in thirty takes seconds. */
const slowShare = 0.03;

/** The way of one process to store and queue: every request takes its time there and back, and suffers what was planned for it. */
export function networkOf(options: NetworkOptions): {
  readonly store: ObjectStore;
  readonly queue: JobQueue;
} {
  const network = new Network(options);
  return { store: network.store(), queue: network.queue() };
}

class Network {
  readonly #options: NetworkOptions;
  readonly #random: Random;

  constructor(options: NetworkOptions) {
    this.#options = options;
    this.#random = chanceOf(options.seed, `network of ${options.process.name}`);
  }

  store(): ObjectStore {
    const { store } = this.#options;
    return {
      uri: store.uri,
      get: (key, read) =>
        this.#send({ to: 'store', what: `get ${key}`, signal: read?.signal }, () => store.get(key)),
      head: (key, read) =>
        this.#send({ to: 'store', what: `head ${key}`, signal: read?.signal }, () => store.head(key)),
      list: (prefix, { signal, ...page } = {}) =>
        this.#send({ to: 'store', what: `list ${prefix}`, signal }, () => store.list(prefix, page)),
      put: (key, body, { signal, ...put } = {}) => {
        const bytes = body.slice();
        return this.#send({ to: 'store', what: `put ${key}`, signal }, () => store.put(key, bytes, put));
      },
      createIfAbsent: (key, body, { signal, ...put } = {}) => {
        const bytes = body.slice();
        return this.#send({ to: 'store', what: `create ${key}`, signal, isConditional: true }, () =>
          store.createIfAbsent(key, bytes, put),
        );
      },
      replaceIfMatch: (key, body, { signal, ...put }) => {
        const bytes = body.slice();
        return this.#send({ to: 'store', what: `replace ${key}`, signal, isConditional: true }, () =>
          store.replaceIfMatch(key, bytes, put),
        );
      },
      copy: (from, to, read) =>
        this.#send({ to: 'store', what: `copy ${to}`, signal: read?.signal }, () => store.copy(from, to)),
      delete: (keys, read) => {
        const all = [...keys];
        return this.#send({ to: 'store', what: `delete ${all.join(' ')}`, signal: read?.signal }, () =>
          store.delete(all),
        );
      },
      close: () => Promise.resolve(),
    };
  }

  queue(): JobQueue {
    const { queue } = this.#options;
    return {
      uri: queue.uri,
      send: (body, send) => this.#send({ to: 'queue', what: `send ${body}` }, () => queue.send(body, send)),
      receive: ({ signal, ...how }) =>
        this.#send({ to: 'queue', what: 'receive' }, () =>
          queue.receive({ ...how, ...(signal !== undefined && { signal }) }),
        ),
      changeVisibility: (handle, ms) =>
        this.#send({ to: 'queue', what: `hide ${handle}` }, () => queue.changeVisibility(handle, ms)),
      delete: (handle) =>
        this.#send({ to: 'queue', what: `delete-ticket ${handle}` }, () => queue.delete(handle)),
      depth: () => this.#send({ to: 'queue', what: 'depth' }, () => queue.depth()),
      setAside: (message, why) =>
        this.#send({ to: 'queue', what: `set-aside ${message.messageId}` }, () =>
          queue.setAside(message, why),
        ),
      deadLetters: (how) => this.#send({ to: 'queue', what: 'dead-letters' }, () => queue.deadLetters(how)),
      redrive: (id) => this.#send({ to: 'queue', what: `redrive ${id}` }, () => queue.redrive(id)),
      close: () => Promise.resolve(),
    };
  }

  #send<Result>(request: Request, apply: () => Promise<Result>): Promise<Result> {
    const { process, faultOf, note } = this.#options;
    const nth = ++process.calls;
    const fault = faultOf(nth, request.to);
    // Always as many numbers, whatever becomes of the request, so that a fault left out moves no other one.
    const [outMs, backMs, lateMs] = [this.#latency(), this.#latency(), between(this.#random, 1_000, 180_000)];
    if (request.signal?.aborted === true) return Promise.reject(request.signal.reason as Error);
    if (fault !== undefined) note(`${process.name}: request ${nth} ${fault}: ${request.what}`);
    if (fault === 'dies-before') process.die();
    return new Promise<Result>((resolve, reject) => {
      const onAbort = (): void => reject(request.signal?.reason as Error);
      request.signal?.addEventListener('abort', onAbort, { once: true });
      const { timeline } = process;
      const answer = (settle: () => void): void =>
        process.after(backMs, () => {
          request.signal?.removeEventListener('abort', onAbort);
          settle();
        });
      const fail = (error: Error): void => answer(() => reject(error));
      const done = (): void => void apply().then((result) => answer(() => resolve(result)), fail);
      const forgotten = (): void => void apply().catch(() => undefined);
      timeline.after(outMs + (fault === 'slow' ? lateMs / 3 : 0), () => {
        switch (fault) {
          case 'dies-before':
            return;
          case 'dies-after':
            forgotten();
            process.die();
            return;
          case 'refused':
          case 'unavailable': {
            const isKnown = fault === 'refused' && request.isConditional === true;
            fail(new TransientError(`${request.what}: not now.`, isKnown ? { applied: 'no' } : {}));
            return;
          }
          case 'denied':
            fail(new AccessDeniedError(`${request.what}: no credentials.`, { caller: 'nobody' }));
            return;
          case 'lost-answer':
            forgotten();
            fail(new TransientError(`${request.what}: the connection was cut.`));
            return;
          case 'lands-late':
            timeline.after(lateMs, forgotten);
            fail(new TransientError(`${request.what}: the connection was cut.`));
            return;
          case 'repeated-late':
            timeline.after(lateMs, forgotten);
            done();
            return;
          case 'slow':
          case undefined:
            done();
        }
      });
    });
  }

  #latency(): number {
    const isSlow = isDrawn(this.#random, slowShare);
    return isSlow ? between(this.#random, 200, 5_000) : between(this.#random, 2, 60);
  }
}
