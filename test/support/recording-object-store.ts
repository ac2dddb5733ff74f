import type { ObjectStore } from '../../lib/store/object-store.ts';

export interface RecordedCall {
  readonly method: 'get' | 'head' | 'put' | 'createIfAbsent' | 'replaceIfMatch' | 'copy' | 'list' | 'delete';
  readonly key: string;
}

/** Passes everything on, and remembers what was asked, in order. */
export function recordingStore(inner: ObjectStore): ObjectStore & { readonly calls: RecordedCall[] } {
  const calls: RecordedCall[] = [];
  const note = (method: RecordedCall['method'], key: string): void => {
    calls.push({ method, key });
  };
  return {
    calls,
    uri: inner.uri,
    async get(key, options) {
      note('get', key);
      return inner.get(key, options);
    },
    async head(key, options) {
      note('head', key);
      return inner.head(key, options);
    },
    async put(key, body, options) {
      note('put', key);
      return inner.put(key, body, options);
    },
    async createIfAbsent(key, body, options) {
      note('createIfAbsent', key);
      return inner.createIfAbsent(key, body, options);
    },
    async replaceIfMatch(key, body, options) {
      note('replaceIfMatch', key);
      return inner.replaceIfMatch(key, body, options);
    },
    async copy(from, to, options) {
      note('copy', to);
      return inner.copy(from, to, options);
    },
    async list(prefix, options) {
      note('list', prefix);
      return inner.list(prefix, options);
    },
    async delete(keys, options) {
      for (const key of keys) note('delete', key);
      return inner.delete(keys, options);
    },
    async close() {
      await inner.close();
    },
  };
}
