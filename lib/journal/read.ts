/** Reading slots. Everything is checked: a journal whose slots are missing or damaged is a store that broke its promise. */
import type { Clock } from '../base/clock.ts';
import { CorruptionError, UnfitError } from '../base/errors.ts';
import type { Random } from '../base/random.ts';
import { retry } from '../base/retry.ts';
import { type JournalEntry, parseEntry } from '../contract/journal-entry.ts';
import { objectKeys, sequenceOfJournalKey } from '../contract/object-keys.ts';
import type { ObjectStore, StoredObject } from '../store/object-store.ts';
import type { ServerClock } from './server-clock.ts';

export interface ReadPorts {
  readonly store: ObjectStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly serverClock: ServerClock;
}

export interface ReadOptions {
  readonly signal?: AbortSignal | undefined;
}

/** A slot as a list shows it. */
export interface ListedSlot {
  readonly sequence: number;
  readonly key: string;
  readonly etag: string;
}

export interface ReadEntry {
  readonly entry: JournalEntry;
  readonly etag: string;
}

/** Entries are about 1 KB: sixteen at a time hide the way to S3 and need next to no memory. */
const lanes = 16;

/** The slots of a journal from `first` on, in order, as far as the store shows them. */
export async function* listSlots(
  ports: ReadPorts,
  options: ReadOptions & { readonly jobId: string; readonly first: number },
): AsyncGenerator<ListedSlot, undefined> {
  const { jobId, first, signal } = options;
  const prefix = objectKeys.journal(jobId);
  let after: string | undefined = objectKeys.journalEntry(jobId, first - 1);
  while (after !== undefined) {
    const from: string = after;
    const page = await retrying(ports, signal, async () =>
      ports.store.list(prefix, { after: from, ...withSignal(signal) }),
    );
    ports.serverClock.observe(page.serverTime);
    for (const { key, etag } of page.objects) {
      const sequence = sequenceOfJournalKey(key);
      // Something that is no slot may have been put there by hand; it is none of ours.
      if (sequence !== undefined) yield { sequence, key, etag };
    }
    after = page.next;
  }
  return undefined;
}

/**
 * The entries of listed slots, in order.
 * @throws UnfitError when a slot is missing or damaged
 * @throws UnknownFormatError when a newer Holdfast wrote one
 */
export async function* readEntries(
  ports: ReadPorts,
  slots: AsyncIterable<ListedSlot>,
  options: ReadOptions & { readonly jobId: string; readonly first: number },
): AsyncGenerator<ReadEntry, undefined> {
  let expected = options.first;
  let waiting: ListedSlot[] = [];
  const fetch = async (): Promise<ReadEntry[]> => {
    const batch = waiting;
    waiting = [];
    return Promise.all(batch.map(async (slot) => readListed(ports, slot, options)));
  };
  for await (const slot of slots) {
    if (slot.sequence !== expected) throw lostSlot(objectKeys.journalEntry(options.jobId, expected));
    expected++;
    waiting.push(slot);
    if (waiting.length === lanes) yield* await fetch();
  }
  yield* await fetch();
  return undefined;
}

/** One slot, or undefined when nobody has written it yet. */
export async function readSlot(
  ports: ReadPorts,
  options: ReadOptions & { readonly jobId: string; readonly sequence: number },
): Promise<ReadEntry | undefined> {
  const { jobId, sequence, signal } = options;
  const key = objectKeys.journalEntry(jobId, sequence);
  const stored = await retrying(ports, signal, async () => ports.store.get(key, withSignal(signal)));
  return stored === undefined ? undefined : readStored(ports, stored, sequence);
}

async function readListed(
  ports: ReadPorts,
  { sequence, key }: ListedSlot,
  { jobId, signal }: ReadOptions & { readonly jobId: string },
): Promise<ReadEntry> {
  const found = await readSlot(ports, { jobId, sequence, signal });
  if (found === undefined) throw lostSlot(key);
  return found;
}

/** Parses what lies in a slot. */
export function readStored(ports: ReadPorts, stored: StoredObject, sequence: number): ReadEntry {
  ports.serverClock.observe(stored.serverTime);
  const entry = parseSlot(stored);
  if (entry.sequence !== sequence) throw damagedSlot(stored.key, `it says that it is slot ${entry.sequence}`);
  return { entry, etag: stored.etag };
}

function parseSlot({ key, body }: StoredObject): JournalEntry {
  try {
    return parseEntry(body, key);
  } catch (error) {
    // Not a damaged checkpoint, from which there is a way back: without its journal a job cannot be trusted at all.
    if (error instanceof CorruptionError) throw damagedSlot(key, error.message, error);
    throw error;
  }
}

const damagedSlot = (key: string, why: string, cause?: unknown): UnfitError =>
  new UnfitError(`a journal entry is damaged: ${why}`, {
    facts: { key },
    cause,
    hint: 'Restore the object from an older version in the bucket: entries never change once written.',
  });

const lostSlot = (key: string): UnfitError =>
  new UnfitError('a journal entry is missing although later ones exist.', {
    facts: { key },
    hint: 'Restore the deleted object from the versions in the bucket: entries are never deleted while the job exists.',
  });

export async function retrying<Result>(
  { clock, random }: Pick<ReadPorts, 'clock' | 'random'>,
  signal: AbortSignal | undefined,
  operation: () => Promise<Result>,
): Promise<Result> {
  return retry(operation, { clock, random, signal });
}

export function withSignal(signal: AbortSignal | undefined): { readonly signal?: AbortSignal } {
  return signal === undefined ? {} : { signal };
}
