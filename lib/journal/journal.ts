import type { Clock } from '../base/clock.ts';
import { InvariantError, messageOf, TransientError } from '../base/errors.ts';
import { type Log, silentLog } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import { type EntryFacts, entryFormatOf, type JournalEntry, parseEntry } from '../contract/journal-entry.ts';
import { objectKeys } from '../contract/object-keys.ts';
import { encodeDocument } from '../contract/parse-document.ts';
import type { ObjectStore } from '../store/object-store.ts';
import { foldEntry, initialState } from './fold.ts';
import { HintFile } from './hint.ts';
import { checkInvariants } from './invariants.ts';
import type { JobState } from './job-state.ts';
import { placeEntry } from './place.ts';
import { listSlots, type ReadEntry, readEntries, type ReadPorts, readSlot } from './read.ts';
import { serverClock } from './server-clock.ts';
import { checkState } from './state-invariants.ts';

export interface ReadingOptions {
  readonly signal?: AbortSignal;
}

/**
 * The job's append-only record and the state that it folds to. Calls on one journal take turns, so that a heartbeat's
 * look and a commit may be under way at once.
 *
 * Errors of all methods: `TransientError` after retries, `AccessDeniedError`, `UnknownFormatError` (a newer Holdfast has
 * written to it), `UnfitError` (a slot is missing or damaged).
 */
export interface Journal {
  readonly jobId: string;
  /** Newest folded state, no request. `sequence` 0: no such job. */
  readonly state: JobState;
  /** Folds every slot appended since. */
  refresh(options?: ReadingOptions): Promise<JobState>;
  /** One request for the next slot while nothing happens; folds every new slot when something did. */
  peek(options?: ReadingOptions): Promise<JobState>;
  /**
   * Appends what `decide` makes of the state. It is asked again after every slot that another writer took first, so that
   * an entry always rests on everything before it; its answer must rest on the given state alone. When it answers
   * undefined or throws, nothing is written. It is asked first with `state` as it is known here: refresh before, where
   * the answer "nothing" must rest on the newest.
   * @throws InvariantError when the entry would break a rule; nothing is written
   * @throws TransientError when the outcome is unknown: the entry may yet stand. The next append finds out, since it
   * asks `decide` about a state with that entry in it
   */
  append(decide: (state: JobState) => NewEntry | undefined, options?: ReadingOptions): Promise<AppendResult>;
  /** The whole history in order, or what follows slot `after`. */
  entries(options?: ReadingOptions & { readonly after?: number }): AsyncIterable<JournalEntry>;
}

/** For `claimed`, `claim` is null: the journal fills in the slot. */
export type NewEntry = EntryFacts & { readonly claim: number | null };

export interface AppendResult {
  /** Undefined when `decide` decided to write nothing. */
  readonly entry: JournalEntry | undefined;
  /** The state after the entry, or the one that `decide` saw last. */
  readonly state: JobState;
}

export interface JournalPorts {
  readonly store: ObjectStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly log?: Log;
}

/**
 * Every lost round is another writer's entry in our slot. A job has one owner and a few operators, so that so many in a
 * row mean writers that chase each other, or a reader far behind; progress is kept, and the call may be repeated.
 */
const roundsMax = 256;

/** 128 random bits: no two entries of all journals ever written share a nonce. */
const nonceBytes = 16;

/** Opens a job's journal and folds it, by its hint where that fits: a constant number of requests however long the history. */
export async function openJournal(ports: JournalPorts, jobId: string): Promise<Journal> {
  const journal = new StoreJournal(ports, jobId);
  await journal.open();
  return journal;
}

class StoreJournal implements Journal {
  readonly jobId: string;
  readonly #ports: ReadPorts;
  readonly #log: Log;
  readonly #hint: HintFile;
  #state: JobState;
  /** Settles when the calls so far have ended; never rejects. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(ports: JournalPorts, jobId: string) {
    const { store, clock, random, log = silentLog } = ports;
    this.jobId = jobId;
    this.#ports = { store, clock, random, serverClock: serverClock(clock) };
    this.#log = log;
    this.#hint = new HintFile(this.#ports, jobId);
    this.#state = initialState(jobId);
  }

  get state(): JobState {
    return this.#state;
  }

  async open(): Promise<void> {
    const hint = await this.#hint.read({});
    if (hint !== undefined) {
      const slots = listSlots(this.#ports, { jobId: this.jobId, first: hint.sequence });
      const { value: first } = await slots.next();
      if (first?.sequence === hint.sequence && first.etag === hint.etag) {
        this.#state = hint.state;
        for await (const read of readEntries(this.#ports, slots, this.#following())) this.#fold(read);
        return;
      }
      this.#log.warn('state-hint-does-not-fit', { jobId: this.jobId, sequence: hint.sequence });
    }
    await this.#foldListed({});
  }

  async refresh(options: ReadingOptions = {}): Promise<JobState> {
    return this.#inTurn(async () => this.#foldListed(options));
  }

  async peek(options: ReadingOptions = {}): Promise<JobState> {
    return this.#inTurn(async () => {
      const { jobId } = this;
      const read = await readSlot(this.#ports, { jobId, sequence: this.#state.sequence + 1, ...options });
      if (read === undefined) return this.#state;
      this.#fold(read);
      return this.#foldListed(options);
    });
  }

  async append(
    decide: (state: JobState) => NewEntry | undefined,
    options: ReadingOptions = {},
  ): Promise<AppendResult> {
    return this.#inTurn(async () => {
      for (let round = 1; round <= roundsMax; round++) {
        options.signal?.throwIfAborted();
        const facts = decide(this.#state);
        if (facts === undefined) return { entry: undefined, state: this.#state };
        const candidate = this.#candidate(facts);
        const placed = await placeEntry(this.#ports, { jobId: this.jobId, ...candidate }, options);
        if (placed.outcome === 'taken') {
          this.#fold(placed);
          continue;
        }
        const state = this.#fold({ entry: candidate.entry, etag: placed.etag });
        await this.#hint.write({ sequence: state.sequence, etag: placed.etag, state }, options);
        return { entry: candidate.entry, state };
      }
      throw new TransientError('other writers were faster every time.', {
        facts: { jobId: this.jobId, rounds: roundsMax },
        hint: 'Try again; if it persists, look for two workers that fight over this job.',
      });
    });
  }

  async *entries(options: ReadingOptions & { readonly after?: number } = {}): AsyncGenerator<JournalEntry> {
    const { after = 0, signal } = options;
    const range = { jobId: this.jobId, first: after + 1, signal };
    for await (const { entry } of readEntries(this.#ports, listSlots(this.#ports, range), range)) yield entry;
  }

  /** The entry for the slot after the newest folded one, exactly as its readers will see it. */
  #candidate(facts: NewEntry): { readonly entry: JournalEntry; readonly bytes: Uint8Array } {
    const sequence = this.#state.sequence + 1;
    const bytes = encodeDocument({
      format: entryFormatOf(facts),
      sequence,
      nonce: this.#ports.random.hex(nonceBytes),
      at: this.#ports.serverClock.now().toISOString(),
      ...facts,
      claim: facts.kind === 'claimed' ? sequence : facts.claim,
    });
    const at = objectKeys.journalEntry(this.jobId, sequence);
    const entry = parseOwn(bytes, at);
    this.#refuseBroken(entry);
    return { entry, bytes };
  }

  #refuseBroken(entry: JournalEntry): void {
    const broken = [...checkInvariants(this.#state, entry), ...this.#newlyBroken(entry)];
    if (broken.length > 0) {
      throw new InvariantError(`a journal entry would break the rules: ${broken.join('; ')}`, {
        facts: { jobId: this.jobId, kind: entry.kind, sequence: entry.sequence },
      });
    }
  }

  /** A state that was broken before stays writable: a fault of yesterday must not stop a job for ever. */
  #newlyBroken(entry: JournalEntry): readonly string[] {
    const known = checkState(this.#state);
    return checkState(foldEntry(this.#state, entry)).filter((why) => !known.includes(why));
  }

  #fold({ entry }: ReadEntry): JobState {
    const before = this.#state.ignored.count;
    this.#state = foldEntry(this.#state, entry);
    const { ignored, sequence } = this.#state;
    if (ignored.count > before) {
      this.#log.warn('journal-entry-ignored', {
        jobId: this.jobId,
        sequence,
        kind: entry.kind,
        why: ignored.last.at(-1)?.why,
      });
    }
    return this.#state;
  }

  async #foldListed(options: ReadingOptions): Promise<JobState> {
    const range = this.#following(options);
    const slots = listSlots(this.#ports, range);
    for await (const read of readEntries(this.#ports, slots, range)) this.#fold(read);
    return this.#state;
  }

  #following(
    options: ReadingOptions = {},
  ): ReadingOptions & { readonly jobId: string; readonly first: number } {
    return { jobId: this.jobId, first: this.#state.sequence + 1, ...options };
  }

  async #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => undefined);
    return result;
  }
}

/** What we write is read back by our own parser first, so that a fact that no reader could take is our fault, found here. */
function parseOwn(bytes: Uint8Array, at: string): JournalEntry {
  try {
    return parseEntry(bytes, at);
  } catch (cause) {
    throw new InvariantError(`a journal entry does not fit its format: ${messageOf(cause)}`, { cause });
  }
}
