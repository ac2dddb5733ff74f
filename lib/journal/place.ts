import { TransientError } from '../base/errors.ts';
import { storeRetryLimits, retry } from '../base/retry.ts';
import type { JournalEntry } from '../contract/journal-entry.ts';
import { objectKeys } from '../contract/object-keys.ts';
import { type ReadEntry, type ReadOptions, type ReadPorts, readStored, withSignal } from './read.ts';

/** `ours`: the entry stands in its slot. `taken`: another's entry does, and for ever. */
export type Placed =
  | { readonly outcome: 'ours'; readonly etag: string }
  | ({ readonly outcome: 'taken' } & ReadEntry);

/**
 * Puts an entry into its slot, or learns who has it. The answer is certain: after a lost answer the slot is read before
 * anything is written again, and the nonce tells our entry from another's, also where an earlier try of ours lands late.
 * @throws TransientError when the store gave no answer within the limits; the entry may or may not stand then
 */
export async function placeEntry(
  ports: ReadPorts,
  candidate: { readonly jobId: string; readonly entry: JournalEntry; readonly bytes: Uint8Array },
  { signal }: ReadOptions,
): Promise<Placed> {
  const { jobId, entry, bytes } = candidate;
  const key = objectKeys.journalEntry(jobId, entry.sequence);
  const lookIntoSlot = async (): Promise<Placed | undefined> => {
    const stored = await ports.store.get(key, withSignal(signal));
    if (stored === undefined) return undefined;
    const found = readStored(ports, stored, entry.sequence);
    return found.entry.nonce === entry.nonce
      ? { outcome: 'ours', etag: found.etag }
      : { outcome: 'taken', ...found };
  };
  let mayStand = false;
  const attempt = async (): Promise<Placed> => {
    if (mayStand) {
      const found = await lookIntoSlot();
      if (found !== undefined) return found;
    }
    // From here on our entry may stand without our knowing, unless the store says that it was not written.
    mayStand = true;
    try {
      const created = await ports.store.createIfAbsent(key, bytes, withSignal(signal));
      if (created.outcome === 'created') {
        ports.serverClock.observe(created.serverTime);
        return { outcome: 'ours', etag: created.etag };
      }
    } catch (error) {
      if (error instanceof TransientError && error.applied === 'no') mayStand = false;
      throw error;
    }
    const found = await lookIntoSlot();
    if (found !== undefined) return found;
    throw new TransientError('a slot exists but cannot be read yet.', { facts: { key } });
  };
  return retry(attempt, { clock: ports.clock, random: ports.random, limits: storeRetryLimits, signal });
}
