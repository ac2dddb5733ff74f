/**
 * The object store as Holdfast needs it: S3, a directory, or memory. One contract suite (`test/lib/store/object-store-contract.ts`)
 * holds every driver to the duties below.
 *
 * Errors of all methods: `TransientError` (network, throttling, 5xx, 409, time-out: for a write the outcome is then
 * unknown, read back before concluding), `AccessDeniedError`. A missing object is an answer, not an error.
 */

export interface StoredObject {
  readonly key: string;
  readonly body: Uint8Array;
  readonly etag: string;
  /** SHA-256 of `body`, where the driver has hashed what arrived while more was on its way. */
  readonly sha256?: string;
  /** When the object was written, by the store's clock. */
  readonly lastModified: Date;
  /** The store's clock at this answer. */
  readonly serverTime: Date;
}

export interface ListedObject {
  readonly key: string;
  readonly bytes: number;
  readonly etag: string;
  readonly lastModified: Date;
}

/** Keys of one page of a list, and of one deletion, at most: S3's limit for both. */
export const pageSizeMax = 1_000;

export interface ObjectPage {
  /** In ascending order of the keys' UTF-8 bytes; at most 1,000. */
  readonly objects: readonly ListedObject[];
  /** Pass as `after` to go on; undefined on the last page. */
  readonly next: string | undefined;
  readonly serverTime: Date;
}

export interface PutOptions {
  /** SHA-256 of `body` in hexadecimal, where it is known already: sent as payload hash and checksum, so that the store refuses other bytes. */
  readonly sha256?: string;
  readonly signal?: AbortSignal;
}

export interface ReadOptions {
  readonly signal?: AbortSignal;
}

export interface Written {
  readonly etag: string;
  readonly serverTime: Date;
}

export type CreateResult = ({ readonly outcome: 'created' } & Written) | { readonly outcome: 'exists' };
export type ReplaceResult = ({ readonly outcome: 'replaced' } & Written) | { readonly outcome: 'changed' };
export type CopyResult =
  | ({
      readonly outcome: 'copied';
      /** SHA-256 of the bytes of the copy in hexadecimal, where the store itself says it; else read them back to know them. */
      readonly sha256: string | undefined;
    } & Written)
  | { readonly outcome: 'missing' };

export interface GetOptions extends ReadOptions {
  /** Memory that the body may be put into, where it fits; the answer's `body` is then a view of it. A driver may leave it alone. */
  readonly into?: Uint8Array;
  /** The SHA-256 of the body will be asked for: a driver that can hash it while it arrives may say it in its answer. */
  readonly hashes?: boolean;
}

export interface ObjectStore {
  /** `file:///dir`, `s3://bucket/prefix?region=…`, `memory:name`: names the very store, for the journal's `submitted` entry. */
  readonly uri: string;
  /** Undefined when there is no such object. */
  get(key: string, options?: GetOptions): Promise<StoredObject | undefined>;
  /** Metadata without the body; undefined when there is no such object. */
  head(key: string, options?: ReadOptions): Promise<ListedObject | undefined>;
  /** Writes, replacing what is there. Idempotent. Resolves only when the bytes are durable; readers see the whole object or none. */
  put(key: string, body: Uint8Array, options?: PutOptions): Promise<Written>;
  /**
   * Creates `key` unless it exists. Of any number of concurrent callers exactly one is told `created`.
   * After a lost answer the store's own `exists` may mean our write: read the object back and compare.
   */
  createIfAbsent(key: string, body: Uint8Array, options?: PutOptions): Promise<CreateResult>;
  /** Replaces `key` only while its ETag is `etag`. A missing object counts as changed. */
  replaceIfMatch(
    key: string,
    body: Uint8Array,
    options: PutOptions & { readonly etag: string },
  ): Promise<ReplaceResult>;
  /**
   * Writes at `to` what lies at `from`, another key, replacing what is there; the bytes never come here. Idempotent, durable and whole as `put`,
   * and an object of its own from then on: whatever becomes of the source, the copy stays. `missing` when there is no
   * object at `from`; nothing is written then.
   */
  copy(from: string, to: string, options?: ReadOptions): Promise<CopyResult>;
  /** One page of the keys that begin with `prefix` (a prefix ends in a slash) and come after `after` (a whole key, exclusive). Strongly consistent. */
  list(
    prefix: string,
    options?: ReadOptions & { readonly after?: string; readonly limit?: number },
  ): Promise<ObjectPage>;
  /** Deletes; a missing object is no error. */
  delete(keys: readonly string[], options?: ReadOptions): Promise<void>;
  /** Closes connections. */
  close(): Promise<void>;
}
