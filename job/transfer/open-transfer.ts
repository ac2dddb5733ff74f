import { availableParallelism } from 'node:os';
import { type ThreadedTransferOptions, ThreadedTransfer } from './threaded-transfer.ts';
import { inProcessTransfer, type Transfer } from './transfer.ts';

/** By threads, where they can open the store for themselves. They start when the first checkpoint is large enough. */
export function openTransfer(options: Omit<ThreadedTransferOptions, 'cores'>): Transfer {
  // A directory that is slowed on purpose is slowed for the process as a whole, by the one driver that counts its bytes.
  const isShared = /^(?:s3|file):/.test(options.address) && !/[?&]bytesPerSecond=/.test(options.address);
  return isShared ? new ThreadedTransfer({ ...options, cores: availableParallelism() }) : inProcessTransfer;
}
