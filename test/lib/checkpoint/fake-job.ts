import { FencedError, InvariantError } from '../../../lib/base/errors.ts';
import type { EntryFacts, JournalEntry } from '../../../lib/contract/journal-entry.ts';
import { journalEntrySchema } from '../../../lib/contract/journal-entry.ts';
import type { Claim } from '../../../lib/journal/claim.ts';
import { foldEntry, initialState } from '../../../lib/journal/fold.ts';
import { checkInvariants } from '../../../lib/journal/invariants.ts';
import type { JobState } from '../../../lib/journal/job-state.ts';

/** A job whose journal is a list in memory: the rules of the real one (fold, invariants, fence) without its store. */
export class FakeJob {
  readonly jobId: string;
  readonly entries: JournalEntry[];
  /** Called before each refresh and append, for a test that lets something happen meanwhile. */
  meanwhile: () => void = () => {};
  #folded: JobState;

  constructor(jobId: string, entries: readonly JournalEntry[] = []) {
    this.jobId = jobId;
    this.#folded = initialState(jobId);
    this.entries = [...entries];
    if (entries.length > 0) return;
    const spec = { key: `jobs/${jobId}/spec-1.json`, sha256: '0'.repeat(64) };
    this.append({ kind: 'submitted', spec, name: jobId, store: 'memory:store' }, null);
  }

  get state(): JobState {
    for (const entry of this.entries.slice(this.#folded.sequence))
      this.#folded = foldEntry(this.#folded, entry);
    return this.#folded;
  }

  /** The same history, going its own way from here. */
  copy(): FakeJob {
    return new FakeJob(this.jobId, this.entries);
  }

  append(facts: EntryFacts, claim: number | null): JournalEntry {
    const sequence = this.entries.length + 1;
    const entry = journalEntrySchema.parse({
      ...facts,
      format: 1,
      sequence,
      nonce: `nonce-${String(sequence).padStart(4, '0')}`,
      at: new Date(Date.UTC(2030, 0, 1) + sequence * 60_000).toISOString(),
      claim: facts.kind === 'claimed' ? sequence : claim,
    });
    const broken = checkInvariants(this.state, entry);
    if (broken.length > 0) throw new InvariantError(broken.join('; '));
    this.entries.push(entry);
    return entry;
  }

  claim(): Claim {
    const instance = { id: 'i-1', type: 'g5.xlarge', zone: 'eu-west-1a' };
    const token = this.append({ kind: 'claimed', ticket: 'ticket-1', instance }, null).sequence;
    const stateNow = (): JobState => this.state;
    const { entries } = this;
    const journal = {
      jobId: this.jobId,
      get state() {
        return stateNow();
      },
      refresh: async () => {
        this.meanwhile();
        return this.state;
      },
      peek: async () => this.state,
      append: async () => {
        throw new Error('tests of checkpoints append through the claim');
      },
      entries: async function* () {
        yield* entries;
      },
    };
    return {
      token,
      journal,
      append: async (decide) => {
        this.meanwhile();
        const { state } = this;
        if (state.newestClaim !== token) throw new FencedError('a newer claim stands');
        const facts = decide(state);
        const entry = facts === undefined ? undefined : this.append(facts, token);
        return { entry, state: this.state };
      },
    };
  }
}
