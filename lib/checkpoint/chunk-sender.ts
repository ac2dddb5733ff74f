import type { Sha256 } from '../base/digest.ts';
import type { CheckpointName } from '../contract/object-keys.ts';
import type { ChunkRange } from './chunk.ts';
import { defaultLanes } from './lanes.ts';
import type { CheckpointSource } from './source.ts';
import { type ChunkPorts, type ChunkVerdict, type StoredChunk, storeChunk } from './store-chunk.ts';

/** One cut of a file of a save, whose bytes are final. */
export interface ChunkToSend {
  readonly source: CheckpointSource;
  readonly path: string;
  readonly range: ChunkRange;
  readonly jobId: string;
  readonly name: CheckpointName;
  /** Asked once the digest is known; perhaps again for the same cut, where who asked first has died. */
  readonly judge: (sha256: Sha256) => ChunkVerdict;
  readonly signal: AbortSignal;
}

/** Who does the work of an upload: this process, or threads. */
export interface ChunkSender {
  /** Chunks at once that it has room for. */
  readonly lanes: number;
  /** Cores that it may keep busy. */
  readonly cores: number;
  /** Rejects only after its last request has ended; errors as `storeChunk`. */
  send(chunk: ChunkToSend): Promise<StoredChunk>;
}

/** Sends from this very process: small checkpoints, and stores that only this process knows. */
export function inProcessSender(ports: ChunkPorts, lanes: number = defaultLanes): ChunkSender {
  return {
    lanes,
    cores: 1,
    send: ({ source, path, range, judge, ...rest }) =>
      storeChunk(ports, {
        ...rest,
        bytes: range.length,
        read: () => source.read(path, range.offset, range.length),
        judge: (sha256) => Promise.resolve(judge(sha256)),
      }),
  };
}
