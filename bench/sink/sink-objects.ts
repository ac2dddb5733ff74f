/** What the sink stands for one key: small objects with their bytes, large ones by their length unless told to keep them. */
export interface SinkObject {
  readonly bytes: number;
  /** Undefined where the body was discarded. */
  readonly body: Uint8Array | undefined;
  readonly etag: string;
  readonly lastModified: Date;
}

/** Objects by key, with lists that cost no more than the page that they answer. */
export class SinkObjects {
  readonly #objects = new Map<string, SinkObject>();
  #sorted: string[] | undefined = [];
  #writes = 0;

  get(key: string): SinkObject | undefined {
    return this.#objects.get(key);
  }

  /** With an ETag of its own, unless it brings one. */
  put(key: string, object: Omit<SinkObject, 'etag'> & { readonly etag?: string }): SinkObject {
    if (!this.#objects.has(key)) this.#sorted = undefined;
    const etag = object.etag ?? `"${(++this.#writes).toString(16).padStart(32, '0')}"`;
    const stored = { ...object, etag };
    this.#objects.set(key, stored);
    return stored;
  }

  delete(key: string): void {
    if (this.#objects.delete(key)) this.#sorted = undefined;
  }

  clear(): void {
    this.#objects.clear();
    this.#sorted = [];
  }

  /** Keys of ASCII letters sort alike by bytes and by UTF-16 units, and others are never put here. */
  list(
    prefix: string,
    after: string,
    limit: number,
  ): { readonly keys: readonly string[]; readonly isTruncated: boolean } {
    this.#sorted ??= [...this.#objects.keys()].toSorted((left, right) => (left < right ? -1 : 1));
    const from = firstAfter(this.#sorted, prefix > after ? prefix : after, prefix > after);
    const found: string[] = [];
    for (let at = from; found.length <= limit; at++) {
      const key = this.#sorted[at];
      if (key === undefined || !key.startsWith(prefix)) break;
      found.push(key);
    }
    return { keys: found.slice(0, limit), isTruncated: found.length > limit };
  }
}

function firstAfter(sorted: readonly string[], key: string, isIncluded: boolean): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const at = sorted[middle] ?? '';
    if (at < key || (at === key && !isIncluded)) low = middle + 1;
    else high = middle;
  }
  return low;
}
