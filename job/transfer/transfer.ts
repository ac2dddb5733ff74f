import type { ChunkReceiver } from '../../lib/checkpoint/chunk-receiver.ts';
import type { ChunkSender } from '../../lib/checkpoint/chunk-sender.ts';

/** Who moves checkpoints between this machine and the store. */
export interface Transfer {
  /** For a save of `bytes` bytes; undefined where the process does it by itself. */
  senderFor(bytes: number): ChunkSender | undefined;
  /** For a restore of `bytes` bytes; undefined where the process does it by itself. */
  receiverFor(bytes: number): ChunkReceiver | undefined;
  /** A notice has come: from now on nothing is in the background any more, whatever is under way included. */
  hurry(): void;
  close(): Promise<void>;
}

/** No threads: for stores that only this process knows. */
export const inProcessTransfer: Transfer = {
  senderFor: () => undefined,
  receiverFor: () => undefined,
  hurry: () => {},
  close: () => Promise.resolve(),
};
