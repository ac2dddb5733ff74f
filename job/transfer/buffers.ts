import { type Clock, pause } from '../../lib/base/clock.ts';
import { chunkBytes } from '../../lib/contract/manifest.ts';

/** Once nothing was moved for this long the memory goes back to the machine; between two chunks of one save it stays. */
const restAfterMs = 10_000;

/**
 * Memory for chunks that is used again and again: writing into fresh pages is several times slower than into touched ones.
 * As many buffers as are ever used at once, which the caller's lanes bound.
 */
export class Buffers {
  readonly #clock: Clock;
  readonly #free: Uint8Array[] = [];
  #used = 0;
  #rest = new AbortController();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Runs `work` with a buffer of at least `bytes` that nobody else uses meanwhile. */
  async with<Result>(bytes: number, work: (buffer: Uint8Array) => Promise<Result>): Promise<Result> {
    this.#rest.abort();
    this.#used++;
    // A format with larger chunks is read as well, only slower.
    const buffer =
      bytes > chunkBytes ? new Uint8Array(bytes) : (this.#free.pop() ?? new Uint8Array(chunkBytes));
    try {
      return await work(buffer);
    } finally {
      if (buffer.byteLength === chunkBytes) this.#free.push(buffer);
      if (--this.#used === 0) this.#restSoon();
    }
  }

  /** Has `count` buffers ready, their pages touched. */
  prepare(count: number): void {
    while (this.#free.length + this.#used < count) this.#free.push(new Uint8Array(chunkBytes).fill(1));
    if (this.#used === 0) this.#restSoon();
  }

  #restSoon(): void {
    this.#rest.abort();
    this.#rest = new AbortController();
    void pause(this.#clock, restAfterMs, this.#rest.signal).then((passed) => {
      if (passed) this.#free.length = 0;
    });
  }
}
