import type { Chunk } from '../contract/manifest.ts';
import { ChunkBuffers } from './chunk-buffers.ts';
import { defaultLanes } from './lanes.ts';
import { readChunk } from './read-chunk.ts';
import { type RestoreFolder, writerInto } from './restore-folder.ts';
import type { ReadPorts } from './verified-get.ts';

/** Where a chunk belongs: raw bytes from `offset` of the file. */
export interface ChunkPlace {
  readonly path: string;
  readonly offset: number;
}

export interface ChunkToReceive {
  readonly chunk: Chunk;
  /** One, or more where a checkpoint holds the same bytes several times. */
  readonly places: readonly ChunkPlace[];
  /** The restore folder, whose files are made. */
  readonly root: string;
  readonly signal: AbortSignal;
}

/** Who does the work of a download: this process, or threads. */
export interface ChunkReceiver {
  /** Chunks at once that it has room for. */
  readonly lanes: number;
  /** The folder that it writes into, emptied. @default one on this machine's disk */
  openFolder?(dir: string): Promise<RestoreFolder>;
  /** Rejects only after its last request has ended; errors as `receiveChunk`. */
  receive(chunk: ChunkToReceive): Promise<void>;
}

/**
 * One chunk from the store to its places, through one of `buffers`, verified before a byte of it is written. The same code
 * runs in the process itself and in threads.
 * @throws DamagedObjectError; UnfitError when the disk does not take it; errors of the store
 */
export async function receiveChunk(
  ports: ReadPorts,
  { chunk, places, root, signal }: ChunkToReceive,
  buffers: ChunkBuffers,
): Promise<void> {
  const write = writerInto(root);
  // Of coded bytes nobody knows the digest.
  const hashes = chunk.codec === 'none';
  await buffers.with(chunk.stored, async (into) => {
    const store: ReadPorts['store'] = {
      get: (key, options) => ports.store.get(key, { ...options, into, hashes }),
    };
    const body = await readChunk({ ...ports, store }, chunk, signal);
    for (const { path, offset } of places) await write(path, offset, body);
  });
}

/** Receives in this very process: small checkpoints, and stores that only this process knows. */
export function inProcessReceiver(ports: ReadPorts, lanes: number = defaultLanes): ChunkReceiver {
  const buffers = new ChunkBuffers();
  return { lanes, receive: (wanted) => receiveChunk(ports, wanted, buffers) };
}
