import { assert } from '../base/assert.ts';
import { type Deferred, deferred } from '../base/deferred.ts';
import type { Sha256 } from '../base/digest.ts';
import type { Chunk, Manifest } from '../contract/manifest.ts';

/**
 * Chunks that one save need not send: those of its parent, however they are coded, and those that it has begun to send.
 * Whoever hashed a chunk asks here; of twins the first one sends, and the others get what came of it.
 */
export class KnownChunks {
  readonly #chunks = new Map<Sha256, Deferred<Chunk>>();

  constructor(parent: Manifest | undefined) {
    for (const chunk of (parent?.files ?? []).flatMap((file) => file.chunks)) {
      const known = deferred<Chunk>();
      known.resolve(chunk);
      this.#chunks.set(chunk.sha256, known);
    }
  }

  /** One cut of a file on its way. */
  inquire(): ChunkInquiry {
    return new ChunkInquiry(this.#chunks);
  }
}

/** Asked again by the same cut, as after the death of a thread, it gives the same answer. */
export class ChunkInquiry {
  readonly #chunks: Map<Sha256, Deferred<Chunk>>;
  #own: Sha256 | undefined;

  constructor(chunks: Map<Sha256, Deferred<Chunk>>) {
    this.#chunks = chunks;
  }

  /** True when somebody else has stored these bytes, or is doing so: `chunk` then waits for it. */
  isKnown(sha256: Sha256): boolean {
    if (this.#own !== undefined) {
      assert(this.#own === sha256, 'bytes that are final do not change', { sha256 });
      return false;
    }
    if (this.#chunks.has(sha256)) return true;
    this.#own = sha256;
    const storing = deferred<Chunk>();
    // Where no twin waits nobody else hears of a failure.
    storing.promise.catch(() => {});
    this.#chunks.set(sha256, storing);
    return false;
  }

  /** The chunk that somebody else stores. Rejects with what kept them from it. */
  async chunk(sha256: Sha256): Promise<Chunk> {
    const known = this.#chunks.get(sha256);
    assert(known !== undefined && this.#own !== sha256, 'a chunk of others is known', { sha256 });
    return known.promise;
  }

  stored(chunk: Chunk): void {
    assert(this.#own === chunk.sha256, 'who stores a chunk has asked for it', { sha256: chunk.sha256 });
    this.#chunks.get(chunk.sha256)?.resolve(chunk);
  }

  failed(error: unknown): void {
    if (this.#own !== undefined) this.#chunks.get(this.#own)?.reject(error);
  }
}
