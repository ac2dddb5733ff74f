/**
 * What the journal of a job says, read by the simulation's own eyes: it shares no code with `lib/journal`, so that a fold
 * which is wrong in the product is seen from here.
 */

/** Bytes that a checkpoint cannot do without. */
export interface NeededObject {
  readonly key: string;
  /** Of the stored bytes; undefined for a chunk that is coded. */
  readonly sha256: string | undefined;
  readonly bytes: number | undefined;
}

export interface KnownCheckpoint {
  readonly id: string;
  readonly claim: number;
  readonly ordinal: number;
  readonly step: number;
  readonly sequence: number;
  readonly parent: string | null;
  /** Its manifest and its chunks; only the manifest where that could not be read when it was committed. */
  readonly needs: readonly NeededObject[];
  pinned: boolean;
  quarantined: boolean;
  /** Quarantined at some time, lifted since or not. */
  everQuarantined: boolean;
  setAside: boolean;
}

export interface KnownClaim {
  readonly token: number;
  readonly ticket: string;
  readonly instanceType: string;
  /** When its entry landed, by the world's clock. */
  readonly landedMs: number;
  restoredFrom?: { readonly checkpoint: string | null };
  step?: number;
  ordinal: number;
}

export type Status = 'runnable' | 'paused' | 'completed' | 'failed' | 'cancelled';

export interface ForkedFrom {
  readonly jobId: string;
  readonly checkpoint: string;
  readonly step: number;
}

/** One entry as it lies in the store. Only what the rules ask for is named. */
export interface RawEntry {
  readonly sequence: number;
  readonly kind: string;
  readonly claim: number | null;
  readonly at: string;
  readonly id?: string;
  readonly ordinal?: number;
  readonly step?: number;
  readonly reason?: string;
  readonly message?: string;
  readonly why?: string;
  readonly ticket?: string;
  readonly instance?: { readonly id: string; readonly type: string };
  readonly manifest?: { readonly key: string; readonly sha256: string };
  readonly drops?: readonly string[];
  readonly checkpoint?: string | null;
  readonly checkpoints?: readonly string[];
  readonly from?: string;
  readonly child?: string;
  readonly forkedFrom?: ForkedFrom;
}

/** Forks hold their checkpoint for a day. */
const forkHoldMs = 24 * 3_600_000;

/** The journal so far, one job's. Mutable: it grows with every slot. */
export class JobRecord {
  readonly jobId: string;
  readonly entries: RawEntry[] = [];
  status: Status = 'runnable';
  newestClaim = 0;
  claim: KnownClaim | undefined;
  /** Every checkpoint that was ever committed, by id. */
  readonly known = new Map<string, KnownCheckpoint>();
  /** Oldest first. */
  retained: KnownCheckpoint[] = [];
  resumeFrom: string | undefined;
  pauseAsked = false;
  cancelAsked = false;
  forkedFrom: ForkedFrom | undefined;
  readonly forks: { readonly checkpoint: string; readonly child: string; readonly atMs: number }[] = [];
  /** When the newest entry landed, by the world's clock. */
  landedMs = 0;
  lastTicketedMs: number | undefined;
  /** Newest time that any entry bears. */
  writtenMs = -Infinity;

  constructor(jobId: string) {
    this.jobId = jobId;
  }

  get newest(): RawEntry | undefined {
    return this.entries.at(-1);
  }

  /** Somebody should work on it. */
  get isWaiting(): boolean {
    return this.status === 'runnable' && this.entries.length > 0 && !this.isUnfinishedFork;
  }

  get isUnfinishedFork(): boolean {
    return this.forkedFrom !== undefined && this.known.size === 0;
  }

  find(id: string): KnownCheckpoint | undefined {
    return this.retained.find((record) => record.id === id);
  }

  /** Where an attempt may begin, best first. */
  get candidates(): readonly KnownCheckpoint[] {
    const last =
      this.resumeFrom === undefined
        ? this.retained.length - 1
        : this.retained.findIndex(({ id }) => id === this.resumeFrom);
    return this.retained
      .slice(0, last + 1)
      .filter(({ id, quarantined, setAside }) => !quarantined && (!setAside || id === this.resumeFrom))
      .toReversed();
  }

  /** What nobody may drop, at the time that an entry bears. */
  mustStay(atMs: number): ReadonlySet<string> {
    const next = this.candidates[0] ?? this.retained.at(-1);
    return new Set([
      ...this.held(atMs),
      ...(next === undefined ? [] : [next.id]),
      ...(this.resumeFrom === undefined ? [] : [this.resumeFrom]),
    ]);
  }

  /** Pinned, or held by a fork. */
  held(atMs: number): readonly string[] {
    return [
      ...this.retained.filter(({ pinned }) => pinned).map(({ id }) => id),
      ...this.forks.filter((fork) => atMs - fork.atMs < forkHoldMs).map(({ checkpoint }) => checkpoint),
    ];
  }

  /** Takes an entry in, as a reader would who believes everything: the rules have been asked before. */
  take(
    entry: RawEntry,
    landing: {
      readonly landedMs: number;
      readonly needs: readonly NeededObject[];
      readonly parent: string | null;
    },
  ): void {
    this.entries.push(entry);
    this.landedMs = landing.landedMs;
    this.writtenMs = Math.max(this.writtenMs, Date.parse(entry.at));
    switch (entry.kind) {
      case 'submitted':
        this.forkedFrom = entry.forkedFrom;
        return;
      case 'claimed':
        this.newestClaim = entry.sequence;
        this.claim = {
          token: entry.sequence,
          ticket: entry.ticket ?? '',
          instanceType: entry.instance?.type ?? '',
          landedMs: landing.landedMs,
          ordinal: 0,
        };
        return;
      case 'restored':
        if (this.claim === undefined) return;
        this.claim.restoredFrom = { checkpoint: entry.checkpoint ?? null };
        this.claim.step = entry.step ?? 0;
        return;
      case 'checkpoint':
        this.#commit(entry, landing);
        return;
      case 'released':
        this.claim = undefined;
        return;
      case 'completed':
      case 'failed':
      case 'cancelled':
      case 'paused':
        this.#end(entry.kind);
        return;
      default:
        this.#takeRequest(entry, landing.landedMs);
    }
  }

  #end(status: Status): void {
    this.status = status;
    this.claim = undefined;
    this.pauseAsked = false;
    if (status !== 'paused') this.cancelAsked = false;
  }

  #takeRequest(entry: RawEntry, landedMs: number): void {
    const named = typeof entry.checkpoint === 'string' ? this.find(entry.checkpoint) : undefined;
    switch (entry.kind) {
      case 'pause-requested':
        this.pauseAsked = true;
        return;
      case 'cancel-requested':
        this.cancelAsked = true;
        return;
      case 'resume-requested':
        this.pauseAsked = false;
        // Whoever tidies up a finished job trains nothing: the next attempt need not wait for it.
        if (this.status !== 'runnable') this.claim = undefined;
        this.status = 'runnable';
        if (entry.from !== undefined) this.resumeFrom = entry.from;
        return;
      case 'pinned':
      case 'unpinned':
        if (named !== undefined) named.pinned = entry.kind === 'pinned';
        return;
      case 'quarantined':
        if (named !== undefined) named.quarantined = named.everQuarantined = true;
        return;
      case 'quarantine-lifted':
        if (named !== undefined) named.quarantined = false;
        return;
      case 'forked':
        this.forks.push({
          checkpoint: String(entry.checkpoint),
          child: String(entry.child),
          atMs: this.writtenMs,
        });
        return;
      case 'ticketed':
        this.lastTicketedMs = landedMs;
        return;
      case 'pruned':
        this.#drop(entry.checkpoints ?? []);
    }
  }

  #commit(
    entry: RawEntry,
    { needs, parent }: { readonly needs: readonly NeededObject[]; readonly parent: string | null },
  ): void {
    const step = entry.step ?? 0;
    const record: KnownCheckpoint = {
      id: entry.id ?? '',
      claim: entry.claim ?? 0,
      ordinal: entry.ordinal ?? 0,
      step,
      sequence: entry.sequence,
      parent,
      needs,
      pinned: false,
      quarantined: false,
      everQuarantined: false,
      setAside: false,
    };
    this.#makeRollBackFinal();
    this.known.set(record.id, record);
    this.retained.push(record);
    if (this.claim !== undefined) {
      this.claim.step = Math.max(this.claim.step ?? 0, step);
      this.claim.ordinal = record.ordinal;
    }
    this.#drop(entry.drops ?? []);
  }

  /** What was committed after a roll-back's target is left behind by the first commit that follows it. */
  #makeRollBackFinal(): void {
    if (this.resumeFrom === undefined) return;
    const target = this.retained.findIndex(({ id }) => id === this.resumeFrom);
    for (const [index, record] of this.retained.entries()) {
      if (index > target) record.setAside = true;
      if (index === target) record.setAside = false;
    }
    this.resumeFrom = undefined;
  }

  #drop(ids: readonly string[]): void {
    const dropped = new Set(ids);
    this.retained = this.retained.filter(({ id }) => !dropped.has(id));
    if (this.resumeFrom !== undefined && dropped.has(this.resumeFrom)) this.resumeFrom = undefined;
  }
}
