import type { EntryOf, JournalEntry } from '../../lib/contract/journal-entry.ts';

/** A committed checkpoint that nobody has dropped. */
export interface KeptCheckpoint {
  readonly id: string;
  readonly step: number;
  pinned: boolean;
  quarantined: boolean;
  /** Left behind by a roll-back. */
  setAside: boolean;
}

/** An attempt that has not ended. */
export interface WalkedAttempt {
  readonly claim: number;
  /** Where it began; undefined until it said so. */
  restored: number | undefined;
  /** The newest step that it committed, or where it began. */
  step: number | undefined;
  ordinal: number;
}

export type WalkedEnd = 'completed' | 'failed' | 'cancelled';

/**
 * What a journal has said so far, as the audit understands it. Written apart from the fold that workers use, and from
 * nothing but the meaning of the kinds, so that a mistake in the fold is not repeated here.
 */
export class JournalWalk {
  readonly nonces = new Set<string>();
  readonly named = new Set<string>();
  slots = 0;
  newestClaim = 0;
  attempt: WalkedAttempt | undefined;
  /** In order of commit. */
  kept: KeptCheckpoint[] = [];
  /** Id of the checkpoint that was committed last, dropped or not. */
  newest: string | undefined;
  rolledBackTo: string | undefined;
  readonly asked = { pause: false, cancel: false };
  paused = false;
  end: WalkedEnd | undefined;
  /** Checkpoints that forks hold. */
  readonly held = new Set<string>();
  isFork = false;

  find(id: string): KeptCheckpoint | undefined {
    return this.kept.find((checkpoint) => checkpoint.id === id);
  }

  /** Where an attempt has to begin: nothing newer that is good may be left out. */
  get newestGood(): KeptCheckpoint | undefined {
    const { rolledBackTo } = this;
    const last =
      rolledBackTo === undefined
        ? this.kept.length - 1
        : this.kept.findIndex(({ id }) => id === rolledBackTo);
    return this.kept
      .slice(0, last + 1)
      .findLast(
        (checkpoint) => !checkpoint.quarantined && (!checkpoint.setAside || checkpoint.id === rolledBackTo),
      );
  }

  follow(entry: JournalEntry): void {
    this.slots++;
    this.nonces.add(entry.nonce);
    switch (entry.kind) {
      case 'submitted':
        this.isFork = entry.forkedFrom !== undefined;
        return;
      case 'claimed':
        this.newestClaim = entry.sequence;
        this.attempt = { claim: entry.sequence, restored: undefined, step: undefined, ordinal: 0 };
        return;
      case 'restored':
        if (this.attempt !== undefined) this.attempt.restored = this.attempt.step = entry.step;
        return;
      case 'checkpoint':
        return this.#committed(entry);
      case 'released':
        this.attempt = undefined;
        return;
      case 'completed':
      case 'failed':
      case 'cancelled':
        return this.#ended(entry.kind);
      case 'paused':
        this.attempt = undefined;
        this.paused = true;
        this.asked.pause = false;
        return;
      case 'pause-requested':
        this.asked.pause = true;
        return;
      case 'cancel-requested':
        this.asked.cancel = true;
        return;
      case 'resume-requested':
        return this.#resumed(entry);
      case 'pinned':
      case 'unpinned':
        return this.#change(entry.checkpoint, (kept) => (kept.pinned = entry.kind === 'pinned'));
      case 'quarantined':
      case 'quarantine-lifted':
        return this.#change(entry.checkpoint, (kept) => (kept.quarantined = entry.kind === 'quarantined'));
      case 'pruned':
        return this.#drop(entry.checkpoints);
      case 'forked':
        this.held.add(entry.checkpoint);
        return;
      case 'prune-requested':
      case 'ticketed':
        // Asked and said, but nothing is different yet.
        return;
    }
  }

  #committed(entry: EntryOf<'checkpoint'>): void {
    const { id, step, ordinal, drops } = entry;
    if (this.rolledBackTo !== undefined) {
      const target = this.kept.findIndex((kept) => kept.id === this.rolledBackTo);
      for (const kept of this.kept.slice(target + 1)) kept.setAside = true;
      this.rolledBackTo = undefined;
    }
    this.kept.push({ id, step, pinned: false, quarantined: false, setAside: false });
    this.named.add(id);
    this.newest = id;
    if (this.attempt !== undefined) {
      this.attempt.step = step;
      this.attempt.ordinal = ordinal;
    }
    this.#drop(drops);
  }

  #ended(kind: WalkedEnd): void {
    this.attempt = undefined;
    this.end = kind;
    this.asked.pause = this.asked.cancel = false;
  }

  #resumed({ from }: EntryOf<'resume-requested'>): void {
    this.paused = false;
    this.asked.pause = false;
    if (this.end === 'failed') this.end = undefined;
    if (from !== undefined) this.rolledBackTo = from;
  }

  #drop(ids: readonly string[]): void {
    this.kept = this.kept.filter(({ id }) => !ids.includes(id));
  }

  #change(id: string, change: (kept: KeptCheckpoint) => void): void {
    const kept = this.find(id);
    if (kept !== undefined) change(kept);
  }
}
