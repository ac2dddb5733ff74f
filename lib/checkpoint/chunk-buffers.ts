import { type Clock, pause } from '../base/clock.ts';
import { chunkBytes } from '../contract/manifest.ts';

/** Once nothing was moved for this long the memory goes back to the machine; between two chunks of one save it stays. */
const restAfterMs = 10_000;

/**
 * Memory for chunks that is used again and again: writing into fresh pages is several times slower than into touched ones.
 * As many buffers as are ever used at once, which the caller's lanes bound.
 */
export class ChunkBuffers {
  readonly #clock: Clock | undefined;
  readonly #free: Uint8Array[] = [];
  #used = 0;
  #rest = new AbortController();

  /** With a clock, unused memory is given back after a while: for owners that live longer than one transfer. */
  constructor(clock?: Clock) {
    this.#clock = clock;
  }

  /** Runs `work` with a buffer of at least `bytes` that nobody else uses meanwhile. */
  async with<Result>(bytes: number, work: (buffer: Uint8Array) => Promise<Result>): Promise<Result> {
    this.#rest.abort();
    this.#used++;
    const buffer = this.#take(bytes);
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

  /** A chunk of another cut than ours is read as well, only slower. */
  #take(bytes: number): Uint8Array {
    if (bytes > chunkBytes) return new Uint8Array(bytes);
    return this.#free.pop() ?? new Uint8Array(chunkBytes);
  }

  #restSoon(): void {
    if (this.#clock === undefined) return;
    this.#rest.abort();
    this.#rest = new AbortController();
    void pause(this.#clock, restAfterMs, this.#rest.signal).then((passed) => {
      if (passed) this.#free.length = 0;
    });
  }
}
