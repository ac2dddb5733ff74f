import type { Clock } from '../../lib/base/clock.ts';
import { Bandwidth } from '../../lib/store/bandwidth.ts';
import type { ObjectStore, ReadOptions } from '../../lib/store/object-store.ts';

export interface SlowStoreOptions {
  readonly clock: Clock;
  /** Before each request. */
  readonly latencyMs: number;
  /** Of all bodies together. @default unlimited */
  readonly bytesPerSecond?: number | undefined;
}

/** A store at the other end of a bad line: every request waits, and bodies take turns. */
export function slowObjectStore(store: ObjectStore, options: SlowStoreOptions): ObjectStore {
  const { clock, latencyMs, bytesPerSecond } = options;
  const line = bytesPerSecond === undefined ? undefined : new Bandwidth({ bytesPerSecond, clock });
  const cross = async ({ signal }: ReadOptions = {}, bytes = 0): Promise<void> => {
    await clock.sleep(latencyMs, signal);
    await line?.take(bytes, signal);
  };
  return {
    uri: store.uri,
    async get(key, read) {
      await cross(read);
      const found = await store.get(key, read);
      await line?.take(found?.body.byteLength ?? 0, read?.signal);
      return found;
    },
    async head(key, read) {
      await cross(read);
      return store.head(key, read);
    },
    async list(prefix, page) {
      await cross(page);
      return store.list(prefix, page);
    },
    async put(key, body, put) {
      await cross(put, body.byteLength);
      return store.put(key, body, put);
    },
    async createIfAbsent(key, body, put) {
      await cross(put, body.byteLength);
      return store.createIfAbsent(key, body, put);
    },
    async replaceIfMatch(key, body, put) {
      await cross(put, body.byteLength);
      return store.replaceIfMatch(key, body, put);
    },
    async copy(from, to, read) {
      await cross(read);
      return store.copy(from, to, read);
    },
    async delete(keys, read) {
      await cross(read);
      await store.delete(keys, read);
    },
    close: () => store.close(),
  };
}
