import { chunkBytes } from '../../lib/contract/manifest.ts';

const mebibyte = 1024 * 1024;

/** A thread costs more than hashing and sending so little: it takes 0.2 s to start and about 30 MiB to stay. */
export const threadsFromBytes: number = 32 * mebibyte;
/** Below this an emergency takes a seventh of a second of one core, which no second pool could make shorter. */
export const urgentFromBytes: number = 128 * mebibyte;

/**
 * A background thread shares its core with hashing and encoding, and is in no hurry: four connections hide the latency of
 * a put. An urgent one must fill the line: S3 gives one connection about 80 MB/s, so that twelve fill 1 GB/s.
 */
export const lanesPerThread: { readonly background: number; readonly urgent: number } = {
  background: 4,
  urgent: 6,
};

/** The lowest there is: whatever the training leaves over, and nothing else. */
export const backgroundNiceness = 19;

/** State for which one more urgent thread pays. One sends about 0.7 GB/s over TLS. */
const bytesPerUrgentThread = 256 * mebibyte;
/** Eight send 5 GB/s, with 384 MiB of buffers for a state of 2 GiB and more. */
const urgentThreadsMax = 8;
/** Two send more than the line of a single-GPU machine takes; the training needs the other cores. */
const backgroundThreadsMax = 2;

export interface TransferPlan {
  readonly backgroundThreads: number;
  /** 0 where the process does emergencies and restores by itself. */
  readonly urgentThreads: number;
  /** Chunks of one save or restore in flight at once. */
  readonly lanes: number;
}

/**
 * How a state of `bytes` bytes is moved on a machine with `cores` cores; undefined where threads do not pay.
 *
 * Memory for chunks in flight: no more than a quarter of the state, and at least two chunks. With two slots of its size that
 * stays below three times the state.
 */
export function transferPlan(bytes: number, cores: number): TransferPlan | undefined {
  if (bytes < threadsFromBytes) return undefined;
  const backgroundThreads = Math.min(backgroundThreadsMax, Math.max(1, cores - 1));
  const urgentThreads =
    bytes < urgentFromBytes ? 0 : Math.min(urgentThreadsMax, cores, Math.ceil(bytes / bytesPerUrgentThread));
  const lanesMax = Math.max(
    backgroundThreads * lanesPerThread.background,
    urgentThreads * lanesPerThread.urgent,
  );
  const quarter = Math.floor(bytes / chunkBytes / 4);
  return { backgroundThreads, urgentThreads, lanes: Math.min(lanesMax, Math.max(2, quarter)) };
}
