/**
 * Watches a simulated region through what it is told alone, and checks every rule after each happening. It shares no code
 * with the product: a product that is wrong cannot be wrong here in the same way.
 *
 * How a world is put under it: one `Inspector` for a history; `tell` at the very moment when a store, a queue or a process
 * does something, from within the drivers, so that no request is told twice and none before its time; log lines and the
 * errors of actors as `said`; `end` when everything had the time to come to its end. `violations` grows meanwhile.
 *
 * What a world must hold so that every rule can bite: deaths between any two requests; answers that are lost and writes that
 * land late; outages longer than all retries (a restore in one of them gives up, and takes nothing for damage); checkpoints
 * of several files, of which one never changes, one always and one now and then goes back to what it was before its parent
 * (equal bytes in saves that are no neighbours); two workers on one job; requests to pin, prune, pause and resume at any
 * moment, in between two looks of an owner; few checkpoints kept.
 */
import type { Happening, Violation } from './happening.ts';
import { forksAreHeld, forksBeginWhereTheyWereAsked } from './fork-rules.ts';
import { JobRecord, type RawEntry } from './job-record.ts';
import * as journal from './journal-rules.ts';
import * as objects from './object-rules.ts';
import {
  handsOverBeforeItLetsGo,
  noJobIsForgotten,
  ownersKeepTheirTickets,
  type TicketBound,
} from './ticket-rules.ts';

export interface InspectorOptions {
  /** `roundMs` Infinity where nobody looks for lost tickets. */
  readonly bound: TicketBound;
}

/** Enough to see what went wrong; a broken world breaks everything that follows. */
const violationsMax = 20;

/** Texts that only a fault in Holdfast itself produces: `InvariantError`, and what the language throws. */
const faultPattern =
  /InvariantError|broken invariant:|would break the rules|does not fit its format|TypeError|RangeError|ReferenceError/;

export class Inspector {
  readonly violations: Violation[] = [];
  readonly #bound: TicketBound;
  readonly #rules: Readonly<Record<string, journal.JournalRule>>;
  readonly #objects = new Map<string, Uint8Array>();
  readonly #damagedEver = new Set<string>();
  readonly #records = new Map<string, JobRecord>();
  /** Tickets in the queue, by job. */
  readonly #tickets = new Map<string, Set<string>>();
  /** When the queue last lost a ticket of the job. */
  readonly #vanishedMs = new Map<string, number>();
  readonly #jobOfTicket = new Map<string, string>();
  /** The ticket of the claim that ended last, by job. */
  readonly #lastOwnTicket = new Map<string, string>();
  readonly #heartbeatMs = new Map<string, number>();

  constructor({ bound }: InspectorOptions) {
    this.#bound = bound;
    this.#rules = {
      slotsFollowOneAnother: journal.slotsFollowOneAnother,
      oneOwnerAtATime: journal.oneOwnerAtATime,
      aJobEndsOnce: journal.aJobEndsOnce,
      endsHaveAReason: journal.endsHaveAReason,
      namesAreNew: journal.namesAreNew,
      beginsAtTheNewestGood: journal.beginsAtTheNewestGood,
      stepsNeverGoBack: journal.stepsNeverGoBack,
      resultsAreGood: journal.resultsAreGood,
      keepsWhatMustStay: journal.keepsWhatMustStay,
      aFreshOwnerIsLeftAlone: journal.aFreshOwnerIsLeftAlone(bound.livenessMs),
      forksWaitForTheirFirst: journal.forksWaitForTheirFirst,
    };
  }

  /** The journals so far, by job. */
  get records(): ReadonlyMap<string, JobRecord> {
    return this.#records;
  }

  /** The objects as they stand. */
  get objects(): ReadonlyMap<string, Uint8Array> {
    return this.#objects;
  }

  /** Tickets of a job that are in the queue, seen or hidden. */
  ticketsOf(jobId: string): ReadonlySet<string> {
    return this.#tickets.get(jobId) ?? new Set();
  }

  tell(atMs: number, happening: Happening): void {
    switch (happening.kind) {
      case 'written':
        this.#written(atMs, happening.key, happening.body);
        break;
      case 'deleted':
        this.#deleted(atMs, happening.keys);
        break;
      case 'damaged':
        this.#damagedEver.add(happening.key);
        if (happening.body === undefined) this.#objects.delete(happening.key);
        else this.#objects.set(happening.key, happening.body);
        break;
      case 'sent':
        this.#jobOfTicket.set(happening.messageId, happening.jobId);
        this.#tickets.set(
          happening.jobId,
          new Set([...this.ticketsOf(happening.jobId), happening.messageId]),
        );
        break;
      case 'removed':
        this.#removed(atMs, happening.messageId);
        break;
      case 'vanished': {
        const jobId = this.#forget(happening.messageId);
        if (jobId !== undefined) this.#vanishedMs.set(jobId, atMs);
        break;
      }
      case 'said':
        if (faultPattern.test(happening.text))
          this.#broken(atMs, 'noFaultOfOurs', `${happening.by}: ${happening.text}`);
        break;
      case 'time':
        break;
    }
    this.#checkTickets(atMs);
  }

  /**
   * After the last happening, in good weather and with workers and `reconcile` at work for long enough: every job has
   * ended, `completed` once or `failed` with a reason, or stands where a person left it.
   */
  end(atMs: number): void {
    for (const [jobId, record] of this.#records) {
      if (record.isWaiting)
        this.#broken(atMs, 'everyJobEnds', `${jobId} is still ${record.newest?.kind ?? 'empty'}`);
    }
  }

  #written(atMs: number, key: string, body: Uint8Array): void {
    const before = this.#objects.get(key);
    this.#objects.set(key, body);
    const [, jobId, kind] = /^jobs\/([^/]+)\/(journal|checkpoints|heartbeats)\//.exec(key) ?? [];
    if (jobId === undefined) return;
    if (kind === 'heartbeats') this.#heartbeatMs.set(key, atMs);
    if (kind === 'checkpoints' && before !== undefined) this.#checkRetained(atMs, jobId, [key]);
    if (kind !== 'journal') return;
    if (before === undefined) this.#landed({ atMs, jobId, key, body });
    else if (objects.sha256Of(before) !== objects.sha256Of(body))
      this.#broken(atMs, 'slotsNeverChange', `${key} was written again`);
  }

  #deleted(atMs: number, keys: readonly string[]): void {
    for (const key of keys) {
      if (this.#objects.delete(key) && /^jobs\/[^/]+\/journal\//.test(key))
        this.#broken(atMs, 'slotsNeverChange', `${key} was deleted`);
    }
    for (const jobId of new Set(
      keys.flatMap((key) => /^jobs\/([^/]+)\/checkpoints\//.exec(key)?.[1] ?? []),
    )) {
      this.#checkRetained(atMs, jobId, keys);
    }
  }

  #checkRetained(atMs: number, jobId: string, keys: readonly string[]): void {
    const record = this.#records.get(jobId);
    if (record === undefined) return;
    const world = { objects: this.#objects, damagedEver: this.#damagedEver };
    this.#check(atMs, `${jobId}: `, { retainedStays: objects.retainedStays(record, world, keys) });
  }

  #landed({
    atMs,
    jobId,
    key,
    body,
  }: {
    readonly atMs: number;
    readonly jobId: string;
    readonly key: string;
    readonly body: Uint8Array;
  }): void {
    const entry: RawEntry | undefined = journal.readEntry(body);
    if (entry === undefined) {
      this.#broken(atMs, 'slotsFollowOneAnother', `${key} holds no entry`);
      return;
    }
    const record = this.#records.get(jobId) ?? new JobRecord(jobId);
    this.#records.set(jobId, record);
    const where = `${jobId} slot ${entry.sequence}: `;
    const needs = objects.needsOf(this.#objects, entry);
    const world = { objects: this.#objects, damagedEver: this.#damagedEver };
    for (const [name, rule] of Object.entries(this.#rules))
      this.#check(atMs, where, { [name]: rule(record, { key, entry, atMs }) });
    this.#check(atMs, where, {
      // What the world spoilt since it was stored, a save that re-uses it cannot know.
      commitsWhatIsDurable: objects.commitsWhatIsDurable(
        this.#objects,
        entry,
        needs.needs.filter(({ key: needed }) => !this.#damagedEver.has(needed)),
      ),
      reusesOnlyItsParents: objects.reusesOnlyItsParents(record, entry, needs),
      forksAreHeld: forksAreHeld(this.#records, jobId, entry),
      forksBeginWhereTheyWereAsked: forksBeginWhereTheyWereAsked(record, entry),
      quarantinesOnlyDamage: objects.quarantinesOnlyDamage(record, entry, world),
      noFaultOfOurs:
        faultPattern.exec(entry.message ?? '') === null ? undefined : `${entry.kind}: ${entry.message}`,
    });
    if (record.claim !== undefined) this.#lastOwnTicket.set(jobId, record.claim.ticket);
    record.take(entry, { landedMs: atMs, ...needs });
  }

  #removed(atMs: number, messageId: string): void {
    const jobId = this.#forget(messageId);
    const record = jobId === undefined ? undefined : this.#records.get(jobId);
    if (jobId === undefined || record === undefined) return;
    this.#check(atMs, `${jobId}: `, { ownersKeepTheirTickets: ownersKeepTheirTickets(record, messageId) });
    // The one that was sent at the hand-over may be what the queue has lost since: that is not the attempt's doing.
    if ((this.#vanishedMs.get(jobId) ?? -Infinity) >= record.landedMs) return;
    const holding = { tickets: this.ticketsOf(jobId), ownTicket: this.#lastOwnTicket.get(jobId) };
    this.#check(atMs, `${jobId}: `, {
      handsOverBeforeItLetsGo: handsOverBeforeItLetsGo(record, messageId, holding),
    });
  }

  #forget(messageId: string): string | undefined {
    const jobId = this.#jobOfTicket.get(messageId);
    if (jobId === undefined) return undefined;
    this.#tickets.get(jobId)?.delete(messageId);
    return jobId;
  }

  #checkTickets(nowMs: number): void {
    for (const [jobId, record] of this.#records) {
      const heartbeatMs = this.#heartbeatMs.get(`jobs/${jobId}/heartbeats/${record.newestClaim}.json`);
      const why = noJobIsForgotten(
        record,
        { tickets: this.ticketsOf(jobId), heartbeatMs, nowMs },
        this.#bound,
      );
      this.#check(nowMs, `${jobId}: `, { noJobIsForgotten: why });
    }
  }

  #check(atMs: number, where: string, found: Readonly<Record<string, string | undefined>>): void {
    for (const [name, why] of Object.entries(found)) {
      if (why !== undefined) this.#broken(atMs, name, where + why);
    }
  }

  /** What stays broken is told once. */
  #broken(atMs: number, invariant: string, what: string): void {
    const isKnown = this.violations.some((known) => known.invariant === invariant);
    if (!isKnown && this.violations.length < violationsMax) this.violations.push({ invariant, what, atMs });
  }
}
