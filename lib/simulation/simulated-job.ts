/** The journal of a simulated job: folded by the product's own fold, so that its policies are told what they would be. */
import type { JournalEntry } from '../contract/journal-entry.ts';
import { checkpointIdOf } from '../contract/object-keys.ts';
import { foldEntry, initialState } from '../journal/fold.ts';
import type { CheckpointRecord, JobState } from '../journal/job-state.ts';

/** What a reader of the journal needs, and no reader of this one follows. */
const unread = { key: 'simulated', sha256: '0'.repeat(64) };
const instance = { id: 'simulated', type: 'simulated', zone: 'simulated' };
/** Retained checkpoints, as a job keeps unless told otherwise. */
const checkpointsKept = 3;

export interface SimulatedSave {
  readonly step: number;
  readonly bytes: number;
  readonly elapsedSeconds: number;
  readonly reason: 'policy' | 'notice';
}

export class SimulatedJob {
  /** Every entry so far, where they are kept. */
  readonly entries: JournalEntry[] = [];
  readonly #keepsEntries: boolean;
  #state: JobState = initialState('simulated');
  #ordinal = 0;
  #unfolded: { readonly at: number; readonly save: SimulatedSave } | undefined;

  constructor(keepsEntries: boolean) {
    this.#keepsEntries = keepsEntries;
    this.#append(0, (stamp) => ({
      ...stamp,
      claim: null,
      kind: 'submitted',
      spec: unread,
      name: 'simulated',
      store: 's3://simulated',
    }));
  }

  get state(): JobState {
    this.#foldCommit();
    return this.#state;
  }

  /** Where a resume begins. */
  get newest(): CheckpointRecord | undefined {
    return this.state.checkpoints.at(-1);
  }

  claimed(at: number, heardStep: number): void {
    this.#foldCommit();
    this.#ordinal = 0;
    this.#append(at, (stamp) => ({
      ...stamp,
      claim: stamp.sequence,
      kind: 'claimed',
      ticket: 'simulated',
      instance,
      heardStep,
    }));
  }

  restored(at: number, facts: { readonly bytes: number; readonly elapsedSeconds: number }): void {
    const { newest } = this;
    this.#append(at, (stamp) => ({
      ...stamp,
      kind: 'restored',
      checkpoint: newest?.id ?? null,
      step: newest?.step ?? 0,
      bytes: newest === undefined ? 0 : facts.bytes,
      elapsedMs: facts.elapsedSeconds * 1_000,
      passedOver: [],
    }));
  }

  /**
   * No policy reads of a job's checkpoints more than the newest. So unless entries are kept, one that is followed by another
   * before anybody asks is never folded: folding all of them was most of what a simulation did.
   */
  committed(at: number, save: SimulatedSave): void {
    this.#unfolded = { at, save };
    if (this.#keepsEntries) this.#foldCommit();
  }

  #foldCommit(): void {
    if (this.#unfolded === undefined) return;
    const { at, save } = this.#unfolded;
    const { step, bytes, elapsedSeconds, reason } = save;
    const ordinal = ++this.#ordinal;
    this.#unfolded = undefined;
    this.#append(at, (stamp) => ({
      ...stamp,
      kind: 'checkpoint',
      id: checkpointIdOf({ claim: this.#state.newestClaim, ordinal, step }),
      ordinal,
      manifest: unread,
      step,
      epoch: 0,
      example: step,
      reason,
      bytes,
      newBytes: bytes,
      elapsedMs: elapsedSeconds * 1_000,
      drops: this.#state.checkpoints.slice(0, -(checkpointsKept - 1)).map(({ id }) => id),
    }));
  }

  interrupted(at: number, step: number): void {
    this.#foldCommit();
    this.#append(at, (stamp) => ({
      ...stamp,
      kind: 'released',
      cause: 'interrupted',
      step,
      message: 'Spot interruption notice',
    }));
  }

  #append(atSeconds: number, entryOf: (stamp: Stamp) => JournalEntry): void {
    const entry = entryOf({
      format: 1,
      sequence: this.#state.sequence + 1,
      nonce: 'simulated',
      at: new Date(atSeconds * 1_000).toISOString(),
      claim: this.#state.newestClaim,
    });
    if (this.#keepsEntries) this.entries.push(entry);
    this.#state = foldEntry(this.#state, entry);
  }
}

/** What every entry of an owner bears. */
type Stamp = Pick<JournalEntry, 'format' | 'sequence' | 'nonce' | 'at' | 'claim'>;
