import type { Clock } from '../../lib/base/clock.ts';
import { MemoryObjectStore } from '../../lib/store/memory-object-store.ts';
import type {
  CopyResult,
  CreateResult,
  PutOptions,
  ReplaceResult,
  Written,
} from '../../lib/store/object-store.ts';

/** What the store tells whoever watches it: each write at the moment when it stands. */
export interface StoreWatch {
  readonly written: (key: string, body: Uint8Array) => void;
  readonly deleted: (keys: readonly string[]) => void;
}

/** The store itself, which is right: what is wrong between it and a process is the network's. */
export class SimulatedStore extends MemoryObjectStore {
  readonly #watch: StoreWatch;
  readonly #keys = new Map<string, Uint8Array>();

  constructor(clock: Clock, watch: StoreWatch) {
    super({ clock });
    this.#watch = watch;
  }

  /** The objects as they stand. */
  get objects(): ReadonlyMap<string, Uint8Array> {
    return this.#keys;
  }

  /** Bytes are bent, or gone (undefined), without anybody having asked for it. */
  async damage(key: string, body: Uint8Array | undefined): Promise<void> {
    if (body === undefined) {
      this.#keys.delete(key);
      await super.delete([key]);
    } else {
      this.#keys.set(key, body);
      await super.put(key, body);
    }
  }

  override async put(key: string, body: Uint8Array, options?: PutOptions): Promise<Written> {
    const written = await super.put(key, body, options);
    this.#wrote(key, body);
    return written;
  }

  override async createIfAbsent(key: string, body: Uint8Array, options?: PutOptions): Promise<CreateResult> {
    const result = await super.createIfAbsent(key, body, options);
    if (result.outcome === 'created') this.#wrote(key, body);
    return result;
  }

  override async replaceIfMatch(
    key: string,
    body: Uint8Array,
    options: PutOptions & { readonly etag: string },
  ): Promise<ReplaceResult> {
    const result = await super.replaceIfMatch(key, body, options);
    if (result.outcome === 'replaced') this.#wrote(key, body);
    return result;
  }

  override async copy(from: string, to: string): Promise<CopyResult> {
    const result = await super.copy(from, to);
    const body = this.#keys.get(from);
    if (result.outcome === 'copied' && body !== undefined) this.#wrote(to, body);
    return result;
  }

  override async delete(keys: readonly string[]): Promise<void> {
    await super.delete(keys);
    for (const key of keys) this.#keys.delete(key);
    this.#watch.deleted(keys);
  }

  #wrote(key: string, body: Uint8Array): void {
    this.#keys.set(key, body.slice());
    this.#watch.written(key, body);
  }
}
