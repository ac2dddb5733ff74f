import { seededRandom } from '../../lib/base/random.ts';
import {
  type EntryFacts,
  type Instance,
  type JournalEntry,
  journalEntrySchema,
} from '../../lib/contract/journal-entry.ts';
import { checkpointIdOf } from '../../lib/contract/object-keys.ts';
import { type Claim, claimJob } from '../../lib/journal/claim.ts';
import { foldEntry, initialState } from '../../lib/journal/fold.ts';
import type { JobState } from '../../lib/journal/job-state.ts';
import { type Journal, type JournalPorts, openJournal } from '../../lib/journal/journal.ts';
import { MemoryObjectStore } from '../../lib/store/memory-object-store.ts';
import type { ObjectStore } from '../../lib/store/object-store.ts';
import type { Clock } from '../../lib/base/clock.ts';

export const jobId = 'job-1';
export const digest = 'a'.repeat(64);
export const spec = { key: `jobs/${jobId}/spec-1.json`, sha256: digest };
export const submission = { spec, name: 'demo', store: 'memory:store' };

export function instance(id = 'i-1'): Instance {
  return { id, type: 'g5.xlarge', zone: 'eu-west-1a' };
}

/** A clock on which every sleep ends at once, and says how long it would have been. */
export function hastyClock(start = '2030-01-01T00:00:00.000Z'): Clock & {
  readonly slept: number[];
  pass(ms: number): void;
} {
  let ms = 0;
  const slept: number[] = [];
  return {
    slept,
    pass: (by) => {
      ms += by;
    },
    now: () => new Date(Date.parse(start) + ms),
    monotonicMs: () => ms,
    async sleep(by, signal) {
      signal?.throwIfAborted();
      slept.push(by);
      ms += by;
    },
  };
}

export function portsOf(
  store: ObjectStore = new MemoryObjectStore(),
  seed = 1,
): JournalPorts & {
  readonly clock: ReturnType<typeof hastyClock>;
} {
  return { store, clock: hastyClock(), random: seededRandom(seed) };
}

/** A journal with its `submitted` entry. */
export async function submittedJournal(ports: JournalPorts = portsOf(), id = jobId): Promise<Journal> {
  const journal = await openJournal(ports, id);
  await journal.append(() => ({ kind: 'submitted', ...submission, claim: null }));
  return journal;
}

export async function claimed(
  journal: Journal,
  options: { readonly ticket?: string; readonly on?: string; readonly isLive?: boolean } = {},
): Promise<Claim> {
  const { ticket = 'ticket-1', on = 'i-1', isLive = false } = options;
  const result = await claimJob(journal, { ticket, instance: instance(on), isLive: async () => isLive });
  if (result.outcome !== 'claimed') throw new Error(`not claimed: ${JSON.stringify(result)}`);
  return result.claim;
}

export interface CheckpointFacts {
  readonly claim: number;
  readonly ordinal: number;
  readonly step: number;
  readonly drops?: string[];
}

export function checkpointFacts({ claim, ordinal, step, drops = [] }: CheckpointFacts): EntryFacts & {
  kind: 'checkpoint';
} {
  return {
    kind: 'checkpoint',
    id: checkpointIdOf({ claim, ordinal, step }),
    ordinal,
    manifest: {
      key: `jobs/${jobId}/checkpoints/${claim}-${ordinal}-step${step}/manifest.json`,
      sha256: digest,
    },
    step,
    epoch: 0,
    example: step * 10,
    reason: 'policy',
    bytes: 1_000,
    newBytes: 100,
    elapsedMs: 5,
    drops,
  };
}

/** Builds journals entry by entry, without a store and without checking what writers must. */
export class Story {
  readonly entries: JournalEntry[] = [];
  state: JobState = initialState(jobId);

  /** The next slot; `claim` defaults to the newest for owners' kinds, `at` to one minute a slot. */
  add(
    facts: EntryFacts,
    { claim = null, at }: { readonly claim?: number | null; readonly at?: string } = {},
  ): this {
    const sequence = this.entries.length + 1;
    const entry = journalEntrySchema.parse({
      format: 1,
      sequence,
      nonce: `nonce-of-${sequence}`,
      at: at ?? new Date(Date.parse('2030-01-01T00:00:00.000Z') + sequence * 60_000).toISOString(),
      ...facts,
      claim: facts.kind === 'claimed' ? sequence : claim,
    });
    this.entries.push(entry);
    this.state = foldEntry(this.state, entry);
    return this;
  }

  /** As the newest owner. */
  own(facts: EntryFacts): this {
    return this.add(facts, { claim: this.state.newestClaim });
  }

  submit(): this {
    return this.add({ kind: 'submitted', ...submission });
  }

  claim(on = 'i-1', ticket = 'ticket-1'): this {
    return this.add({ kind: 'claimed', ticket, instance: instance(on) });
  }

  restore(checkpoint: string | null, step: number): this {
    return this.own({ kind: 'restored', checkpoint, step, bytes: 10, elapsedMs: 10, passedOver: [] });
  }

  commit(step: number, drops: string[] = []): this {
    const claim = this.state.newestClaim;
    const ordinal = (this.state.claim?.ordinal ?? 0) + 1;
    return this.own(checkpointFacts({ claim, ordinal, step, drops }));
  }

  release(
    cause: 'interrupted' | 'error' | 'infrastructure' | 'hung' | 'handover',
    step: number,
    message = `ended by ${cause}`,
  ): this {
    return this.own({ kind: 'released', cause, step, message });
  }
}

export const newestId = (state: JobState): string => state.checkpoints.at(-1)?.id ?? 'none';
