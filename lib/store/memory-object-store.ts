import { createHash } from 'node:crypto';
import { type Clock, systemClock } from '../base/clock.ts';
import { sha256Hex } from '../base/digest.ts';
import { checkDigest } from './check-digest.ts';
import { compareKeys } from './key-order.ts';
import {
  type CopyResult,
  type CreateResult,
  type ListedObject,
  type ObjectPage,
  type ObjectStore,
  type PutOptions,
  type ReadOptions,
  type ReplaceResult,
  type StoredObject,
  type Written,
  pageSizeMax,
} from './object-store.ts';

export interface MemoryObjectStoreOptions {
  readonly clock?: Clock;
  /** Tells stores of one process apart in `uri`. */
  readonly name?: string;
}

interface Entry {
  readonly body: Uint8Array;
  readonly etag: string;
  readonly lastModified: Date;
}

/**
 * A store within one process, for tests and trials. ETags are the MD5 of the bytes, as on S3 with SSE-S3: equal bodies
 * have equal ETags, so that code which trusts an ETag to change with every write (the ABA trap) fails here too.
 */
export class MemoryObjectStore implements ObjectStore {
  readonly uri: string;
  readonly #clock: Clock;
  readonly #entries = new Map<string, Entry>();

  constructor({ clock = systemClock, name = 'store' }: MemoryObjectStoreOptions = {}) {
    this.#clock = clock;
    this.uri = `memory:${name}`;
  }

  async get(key: string, { signal }: ReadOptions = {}): Promise<StoredObject | undefined> {
    signal?.throwIfAborted();
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    return { key, ...entry, body: entry.body.slice(), serverTime: this.#clock.now() };
  }

  async head(key: string, { signal }: ReadOptions = {}): Promise<ListedObject | undefined> {
    signal?.throwIfAborted();
    const entry = this.#entries.get(key);
    return entry === undefined ? undefined : listed(key, entry);
  }

  async put(key: string, body: Uint8Array, options: PutOptions = {}): Promise<Written> {
    options.signal?.throwIfAborted();
    checkDigest(key, body, options.sha256);
    return this.#write(key, body);
  }

  async createIfAbsent(key: string, body: Uint8Array, options: PutOptions = {}): Promise<CreateResult> {
    options.signal?.throwIfAborted();
    checkDigest(key, body, options.sha256);
    if (this.#entries.has(key)) return { outcome: 'exists' };
    return { outcome: 'created', ...this.#write(key, body) };
  }

  async replaceIfMatch(
    key: string,
    body: Uint8Array,
    options: PutOptions & { readonly etag: string },
  ): Promise<ReplaceResult> {
    options.signal?.throwIfAborted();
    checkDigest(key, body, options.sha256);
    if (this.#entries.get(key)?.etag !== options.etag) return { outcome: 'changed' };
    return { outcome: 'replaced', ...this.#write(key, body) };
  }

  async copy(from: string, to: string, { signal }: ReadOptions = {}): Promise<CopyResult> {
    signal?.throwIfAborted();
    const source = this.#entries.get(from);
    if (source === undefined) return { outcome: 'missing' };
    return { outcome: 'copied', sha256: sha256Hex(source.body), ...this.#write(to, source.body) };
  }

  async list(
    prefix: string,
    options: ReadOptions & { readonly after?: string; readonly limit?: number } = {},
  ): Promise<ObjectPage> {
    const { after, limit = pageSizeMax, signal } = options;
    signal?.throwIfAborted();
    const size = Math.min(limit, pageSizeMax);
    const matching = [...this.#entries]
      .filter(([key]) => key.startsWith(prefix) && (after === undefined || compareKeys(key, after) > 0))
      .toSorted(([left], [right]) => compareKeys(left, right));
    const objects = matching.slice(0, size).map(([key, entry]) => listed(key, entry));
    const next = matching.length > size ? objects.at(-1)?.key : undefined;
    return { objects, next, serverTime: this.#clock.now() };
  }

  async delete(keys: readonly string[], { signal }: ReadOptions = {}): Promise<void> {
    signal?.throwIfAborted();
    for (const key of keys) this.#entries.delete(key);
  }

  async close(): Promise<void> {}

  #write(key: string, body: Uint8Array): Written {
    const now = this.#clock.now();
    const etag = `"${createHash('md5').update(body).digest('hex')}"`;
    this.#entries.set(key, { body: body.slice(), etag, lastModified: now });
    return { etag, serverTime: now };
  }
}

function listed(key: string, { body, etag, lastModified }: Entry): ListedObject {
  return { key, bytes: body.byteLength, etag, lastModified };
}
