import { TransientError } from '../base/errors.ts';
import { type RetryOptions, retry } from '../base/retry.ts';
import type { ObjectStore } from './object-store.ts';

export type RetryingStoreOptions = Omit<RetryOptions, 'signal'>;

/**
 * The same store, patient. Every call is bounded by the limits and by its own signal, whose abort also ends a wait.
 *
 * - Reads, lists, deletes, `put` and `copy` are idempotent: any error with remedy `retry` is tried again.
 * - Conditional writes are tried again only after an error that says `applied: 'no'` (S3's 409). After any other
 *   TransientError they may have been applied, and a second try would answer `exists` or `changed` to the very writer
 *   that won: the error surfaces, and the caller reads back (the journal compares nonces).
 */
export function retryingObjectStore(store: ObjectStore, options: RetryingStoreOptions): ObjectStore {
  const patiently = async <Result>(call: () => Promise<Result>, signal?: AbortSignal): Promise<Result> =>
    retry(call, { ...options, signal });
  const whileRefused = async <Result>(
    write: () => Promise<Result>,
    signal?: AbortSignal,
  ): Promise<Result> => {
    const end = await patiently(async () => write().then(succeeded, unlessRefused), signal);
    if ('error' in end) throw end.error;
    return end.result;
  };
  return {
    uri: store.uri,
    get: async (key, read) => patiently(async () => store.get(key, read), read?.signal),
    head: async (key, read) => patiently(async () => store.head(key, read), read?.signal),
    list: async (prefix, page) => patiently(async () => store.list(prefix, page), page?.signal),
    put: async (key, body, put) => patiently(async () => store.put(key, body, put), put?.signal),
    copy: async (from, to, read) => patiently(async () => store.copy(from, to, read), read?.signal),
    delete: async (keys, read) => patiently(async () => store.delete(keys, read), read?.signal),
    createIfAbsent: async (key, body, put) =>
      whileRefused(async () => store.createIfAbsent(key, body, put), put?.signal),
    replaceIfMatch: async (key, body, put) =>
      whileRefused(async () => store.replaceIfMatch(key, body, put), put.signal),
    close: async () => store.close(),
  };
}

type End<Result> = { readonly result: Result } | { readonly error: TransientError };

const succeeded = <Result>(result: Result): End<Result> => ({ result });

/** Ends the tries, as if it were a result, for a failure after which the write may stand. */
function unlessRefused(error: unknown): { readonly error: TransientError } {
  if (error instanceof TransientError && error.applied === 'unknown') return { error };
  throw error;
}
