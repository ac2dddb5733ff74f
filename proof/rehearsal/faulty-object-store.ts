import { setImmediate as turn } from 'node:timers/promises';
import { TransientError } from '../../lib/base/errors.ts';
import type { Random } from '../../lib/base/random.ts';
import type { ObjectStore } from '../../lib/store/object-store.ts';

/**
 * What can go wrong with one call:
 * - `lost-answer`: it was applied, the caller is told TransientError.
 * - `refused`: a 409: not applied, TransientError that says so.
 * - `unavailable`: a 5xx: not applied, but the caller cannot know.
 * - `lands-late`: TransientError now, applied some calls later: the write of a request that was stuck on its way.
 * - `repeated-late`: applied and answered, and applied once more some calls later: a zombie's put.
 * - `delayed`: applied and answered after other calls had time to overtake it.
 * Nothing else: a read is never stale, a write never torn.
 */
export const storeFaults = [
  'lost-answer',
  'refused',
  'unavailable',
  'lands-late',
  'repeated-late',
  'delayed',
] as const;

export type Fault = (typeof storeFaults)[number];

export type StoreMethod =
  | 'get'
  | 'head'
  | 'put'
  | 'createIfAbsent'
  | 'replaceIfMatch'
  | 'copy'
  | 'list'
  | 'delete';

/** How likely a fault is for one call, 0 to 1; those that a method cannot suffer are ignored (a read has no lost write). */
export type FaultRates = Readonly<Partial<Record<Fault, number>>>;

/** "Fail the 3rd createIfAbsent with a lost answer." */
export interface ScriptedFault {
  readonly method: StoreMethod;
  /** Which call of this method, 1 for the first; with `key`, which of those that touch the key. */
  readonly nth: number;
  /** Only calls whose key, prefix or one of whose keys contains this. */
  readonly key?: string;
  readonly fault: Fault;
}

export interface FaultyStoreOptions {
  readonly random: Random;
  readonly rates?: FaultRates;
  readonly script?: readonly ScriptedFault[];
  /** Late writes land after 1 to this many further calls. */
  readonly lateCallsMax?: number;
  /** While this says no, nothing goes wrong by chance. @default always */
  readonly isBad?: () => boolean;
  readonly onFault?: (fault: FaultRecord) => void;
}

export interface FaultRecord {
  readonly method: StoreMethod;
  readonly key: string;
  readonly fault: Fault;
}

type Write = () => Promise<unknown>;

const readFaults: readonly Fault[] = ['unavailable', 'delayed'];
const writeFaults: readonly Fault[] = [
  'unavailable',
  'lost-answer',
  'lands-late',
  'repeated-late',
  'delayed',
];
const faultsOf: Readonly<Record<StoreMethod, readonly Fault[]>> = {
  get: readFaults,
  head: readFaults,
  list: readFaults,
  put: writeFaults,
  createIfAbsent: ['refused', ...writeFaults],
  replaceIfMatch: ['refused', ...writeFaults],
  copy: writeFaults,
  delete: writeFaults,
};

/** A store whose network is bad, in a way that a seed or a script decides. Wraps a driver that is itself right. */
export class FaultyObjectStore implements ObjectStore {
  /** Every fault that happened, in order, for a failing test to print: some thousands at most. */
  readonly faults: FaultRecord[] = [];
  /** Calls of each method so far. */
  readonly calls: Record<StoreMethod, number> = {
    get: 0,
    head: 0,
    put: 0,
    createIfAbsent: 0,
    replaceIfMatch: 0,
    copy: 0,
    list: 0,
    delete: 0,
  };
  /** Change at any time: a test may let the weather turn good. */
  rates: FaultRates;
  readonly uri: string;
  readonly #inner: ObjectStore;
  readonly #random: Random;
  readonly #lateCallsMax: number;
  readonly #script: { readonly rule: ScriptedFault; seen: number }[];
  readonly #isBad: () => boolean;
  readonly #onFault: (fault: FaultRecord) => void;
  #late: { readonly write: Write; callsLeft: number }[] = [];

  constructor(
    inner: ObjectStore,
    { random, rates = {}, script = [], lateCallsMax = 20, ...more }: FaultyStoreOptions,
  ) {
    const { isBad = () => true, onFault = () => undefined } = more;
    this.uri = inner.uri;
    this.rates = rates;
    this.#inner = inner;
    this.#random = random;
    this.#lateCallsMax = lateCallsMax;
    this.#isBad = isBad;
    this.#onFault = onFault;
    this.#script = script.map((rule) => ({ rule, seen: 0 }));
  }

  get: ObjectStore['get'] = async (key, options) =>
    this.#call({ method: 'get', keys: [key] }, async () => this.#inner.get(key, options));

  head: ObjectStore['head'] = async (key, options) =>
    this.#call({ method: 'head', keys: [key] }, async () => this.#inner.head(key, options));

  list: ObjectStore['list'] = async (prefix, options) =>
    this.#call({ method: 'list', keys: [prefix] }, async () => this.#inner.list(prefix, options));

  // Bodies are copied at the call, and a late write knows no signal: the bytes left the caller long ago.
  put: ObjectStore['put'] = async (key, body, { signal, ...options } = {}) => {
    signal?.throwIfAborted();
    const bytes = body.slice();
    return this.#call({ method: 'put', keys: [key] }, async () => this.#inner.put(key, bytes, options));
  };

  createIfAbsent: ObjectStore['createIfAbsent'] = async (key, body, { signal, ...options } = {}) => {
    signal?.throwIfAborted();
    const bytes = body.slice();
    return this.#call({ method: 'createIfAbsent', keys: [key] }, async () =>
      this.#inner.createIfAbsent(key, bytes, options),
    );
  };

  replaceIfMatch: ObjectStore['replaceIfMatch'] = async (key, body, { signal, ...options }) => {
    signal?.throwIfAborted();
    const bytes = body.slice();
    return this.#call({ method: 'replaceIfMatch', keys: [key] }, async () =>
      this.#inner.replaceIfMatch(key, bytes, options),
    );
  };

  copy: ObjectStore['copy'] = async (from, to, { signal } = {}) => {
    signal?.throwIfAborted();
    return this.#call({ method: 'copy', keys: [to, from] }, async () => this.#inner.copy(from, to));
  };

  delete: ObjectStore['delete'] = async (keys, { signal } = {}) => {
    signal?.throwIfAborted();
    const all = [...keys];
    return this.#call({ method: 'delete', keys: all }, async () => this.#inner.delete(all));
  };

  async close(): Promise<void> {
    await this.#inner.close();
  }

  /** Writes that have not landed yet. */
  get pending(): number {
    return this.#late.length;
  }

  /** Lets every late write land now, in random order. */
  async settle(): Promise<void> {
    while (this.#late.length > 0) {
      const [next] = this.#late.splice(Math.floor(this.#random.next() * this.#late.length), 1);
      await this.#land(next?.write);
    }
  }

  async #call<Result>(
    { method, keys }: { readonly method: StoreMethod; readonly keys: readonly string[] },
    apply: () => Promise<Result>,
  ): Promise<Result> {
    this.calls[method]++;
    const fault = this.#draw(method, keys);
    await this.#landDue();
    if (fault === undefined) return apply();
    const record: FaultRecord = { method, key: keys[0] ?? '', fault };
    this.faults.push(record);
    this.#onFault(record);
    const say = (what: string, applied?: 'no'): TransientError =>
      new TransientError(`${method} ${what} (a fault that was asked for).`, {
        facts: { key: keys[0] },
        ...(applied === undefined ? {} : { applied }),
      });
    switch (fault) {
      case 'refused':
        throw say('met a concurrent write', 'no');
      case 'unavailable':
        throw say('was not served');
      case 'lost-answer':
        await apply();
        throw say('was cut off before its answer');
      case 'lands-late':
        this.#later(apply);
        throw say('timed out on its way');
      case 'repeated-late':
        this.#later(apply);
        return apply();
      case 'delayed':
        break;
    }
    return this.#delayed(apply);
  }

  async #delayed<Result>(apply: () => Promise<Result>): Promise<Result> {
    await this.#dawdle();
    try {
      return await apply();
    } finally {
      await this.#dawdle();
    }
  }

  #draw(method: StoreMethod, keys: readonly string[]): Fault | undefined {
    let scripted: Fault | undefined;
    for (const entry of this.#script) {
      const { rule } = entry;
      const touches = rule.key === undefined || keys.some((key) => key.includes(rule.key ?? ''));
      if (rule.method === method && touches && ++entry.seen === rule.nth) scripted ??= rule.fault;
    }
    if (scripted !== undefined || !this.#isBad()) return scripted;
    return faultsOf[method].find((fault) => {
      const rate = this.rates[fault] ?? 0;
      return rate > 0 && this.#random.next() < rate;
    });
  }

  #later(write: Write): void {
    this.#late.push({ write, callsLeft: 1 + Math.floor(this.#random.next() * this.#lateCallsMax) });
  }

  async #landDue(): Promise<void> {
    for (const entry of this.#late) entry.callsLeft--;
    const due = this.#late.filter(({ callsLeft }) => callsLeft <= 0);
    this.#late = this.#late.filter(({ callsLeft }) => callsLeft > 0);
    for (const { write } of due) await this.#land(write);
  }

  /** Nobody waits for the answer of a late write; that it was refused (a slot is taken) is one of its right ends. */
  async #land(write: Write | undefined): Promise<void> {
    await write?.().catch((error: unknown) => {
      if (!(error instanceof TransientError)) throw error;
    });
  }

  /** Up to eight turns of the event loop, in which other calls overtake this one. */
  async #dawdle(): Promise<void> {
    for (let turns = Math.ceil(this.#random.next() * 8); turns > 0; turns--) await turn();
  }
}
