import type { Sha256 } from '../../lib/base/digest.ts';
import type { LogFields } from '../../lib/base/log.ts';
import type { ChunkPlace } from '../../lib/checkpoint/chunk-receiver.ts';
import type { ChunkVerdict, StoredChunk } from '../../lib/checkpoint/store-chunk.ts';
import type { Chunk } from '../../lib/contract/manifest.ts';
import type { CheckpointName } from '../../lib/contract/object-keys.ts';
import type { PortableError } from './portable-error.ts';

/** What a thread is started with. */
export interface ThreadStart {
  /** Address of the store, which the thread opens for itself. */
  readonly store: string;
  /** Chunks at once, and buffers of 8 MiB. */
  readonly lanes: number;
  /** Priority to lower itself to, 1 to 19; undefined to stay as it is. */
  readonly niceness: number | undefined;
}

/** Bytes of a local file that are to become a chunk. */
export interface SendOrder {
  readonly kind: 'send';
  readonly file: string;
  readonly offset: number;
  readonly bytes: number;
  readonly jobId: string;
  readonly name: CheckpointName;
}

/** A chunk that is to be verified and written to its places. */
export interface ReceiveOrder {
  readonly kind: 'receive';
  readonly chunk: Chunk;
  readonly places: readonly ChunkPlace[];
  readonly root: string;
}

export type Order = SendOrder | ReceiveOrder;

/** A process to its thread. Both are of one build, so that nothing is parsed. */
export type ToThread =
  | { readonly kind: 'do'; readonly task: number; readonly order: Order }
  | { readonly kind: 'verdict'; readonly task: number; readonly verdict: ChunkVerdict }
  | { readonly kind: 'abort'; readonly task: number }
  /** Make buffers and connections ready. */
  | { readonly kind: 'warm' }
  | { readonly kind: 'ping' };

/** A thread to its process. */
export type FromThread =
  | { readonly kind: 'ready'; readonly niceness: number }
  /** The digest of a chunk is known; the thread waits for its verdict. */
  | { readonly kind: 'hashed'; readonly task: number; readonly sha256: Sha256 }
  | { readonly kind: 'sent'; readonly task: number; readonly stored: StoredChunk }
  | { readonly kind: 'received'; readonly task: number }
  | { readonly kind: 'failed'; readonly task: number; readonly error: PortableError }
  /** The local file could not be read, or holds less: whoever knows the file says why. */
  | { readonly kind: 'unreadable'; readonly task: number; readonly why: string }
  | {
      readonly kind: 'log';
      readonly level: 'info' | 'warn';
      readonly event: string;
      readonly fields: LogFields;
    }
  | { readonly kind: 'pong' };
