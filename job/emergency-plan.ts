import { type Clock, pause } from '../lib/base/clock.ts';
import type { LatchedStop } from '../lib/interruption/notice-watch.ts';
import { flushOutlook } from '../lib/checkpoint/flush-outlook.ts';
import {
  FlushEstimate,
  flushDueInMs,
  type NoticeBudget,
  savesAtNotice,
} from '../lib/checkpoint/notice-budget.ts';

/** What the plan tells the attempt, when it is time. */
export type PlanEvent =
  | { readonly kind: 'save-due' }
  | { readonly kind: 'flush-due' }
  | { readonly kind: 'answer-overdue' }
  | { readonly kind: 'cut' };

/** What the plan must know of the trainer. */
export interface NoticedTrainer {
  readonly longestGapMs: number;
  /** It saves on a signal, in a time that nobody knows. */
  readonly asksEarly: boolean;
}

/** Maintenance is announced earlier than the end of a Spot instance; until this is left, saves go on as ever. */
const lastStretchMs = 120_000;
/** Kept free before the deadline for the entry, the ticket and the exit. */
const handOverMs = 2_000;
/** A trainer is not given up before this, however short the notice: its step may just be slow. */
const patienceMsMin = 1_000;
/**
 * Share of its bytes that an earlier save must have sent to tell how long all of them take. Of less, most of the time went
 * into what does not grow with the bytes: 10 MB of 10 GB in 3 s would be told as 50 minutes.
 */
const tellingShare = 0.25;

/**
 * When to do what after a notice: save at once where a later save follows well behind, train on until a flush takes the rest of the time, give up a trainer that does not
 * answer while its newest staged checkpoint can still be committed, and let go of an upload that will not make it.
 */
export class EmergencyPlan {
  readonly #clock: Clock;
  readonly #tell: (event: PlanEvent) => void;
  readonly #signal: AbortSignal;
  readonly #estimate = new FlushEstimate();
  #noticedAtMs: number | undefined;
  /** Set once there is a notice. */
  #leaving:
    | { readonly stop: LatchedStop; readonly trainer: NoticedTrainer; readonly mayTrain: boolean }
    | undefined;
  #timers = new AbortController();

  constructor(clock: Clock, tell: (event: PlanEvent) => void, signal: AbortSignal) {
    this.#clock = clock;
    this.#tell = tell;
    this.#signal = signal;
  }

  /** When the notice was latched, on the monotonic clock. */
  get noticedAtMs(): number | undefined {
    return this.#noticedAtMs;
  }

  /** A checkpoint went from slot to journal in this time. */
  measured(flush: { readonly elapsedMs: number; readonly bytes: number }): void {
    this.#estimate.add(flush);
  }

  /**
   * An earlier attempt saved this. What it re-used was not sent: the next save may have to send all of it. Where it sent
   * little it tells nothing, and a notice finds that nothing is known.
   */
  remembered(saved: { readonly elapsedMs: number; readonly bytes: number; readonly newBytes: number }): void {
    const { elapsedMs, bytes, newBytes } = saved;
    if (newBytes === 0 || newBytes < tellingShare * bytes) return;
    this.#estimate.add({ bytes, elapsedMs: elapsedMs * Math.max(1, bytes / newBytes) });
  }

  /** In words, whether a notice will suffice; undefined before anything was measured. */
  outlook(longestGapMs: number): string | undefined {
    const { flushMs, bytes } = this.#estimate;
    return flushMs === undefined ? undefined : flushOutlook({ flushMs, bytes, longestGapMs });
  }

  /** Plans, and plans anew when a later notice leaves less time. */
  noticed(stop: LatchedStop, trainer: NoticedTrainer): void {
    this.#noticedAtMs = stop.noticedAtMonotonicMs;
    const mayTrain = mayTrainOn(stop, trainer);
    this.#leaving = { stop, trainer, mayTrain };
    const budget = this.#budgetOf(stop, trainer);
    this.#plan(budget, mayTrain);
    if (!mayTrain || !savesAtNotice(budget)) return;
    this.#at(Math.max(0, budget.remainingMs - lastStretchMs), { kind: 'save-due' });
  }

  /**
   * A checkpoint taken since the notice is durable: training may go on for a little longer. `longestGapMs` as it is known
   * by now: at the notice an attempt may not have measured a step yet.
   */
  secured(longestGapMs: number): void {
    if (this.#leaving === undefined) return;
    const { stop, mayTrain } = this.#leaving;
    const trainer = { ...this.#leaving.trainer, longestGapMs };
    this.#plan({ ...this.#budgetOf(stop, trainer), isSecured: true }, mayTrain);
  }

  #budgetOf(stop: LatchedStop, { longestGapMs }: NoticedTrainer): NoticeBudget {
    return { remainingMs: stop.deadline.remainingMs(), flushMs: this.#estimate.flushMs, longestGapMs };
  }

  #plan(budget: NoticeBudget, mayTrain: boolean): void {
    this.#timers.abort();
    this.#timers = new AbortController();
    const { remainingMs, flushMs, longestGapMs } = budget;
    const dueInMs = mayTrain ? flushDueInMs(budget) : 0;
    const overdueInMs = Math.max(
      dueInMs + patienceMsMin + 3 * longestGapMs,
      remainingMs - (flushMs ?? 0) - handOverMs - patienceMsMin,
    );
    this.#at(dueInMs, { kind: 'flush-due' });
    this.#at(overdueInMs, { kind: 'answer-overdue' });
    // Hibernation and notices that came too late have no deadline that could be kept: there the upload runs as long as it may.
    if (remainingMs > handOverMs) this.#at(Math.max(overdueInMs, remainingMs - handOverMs), { kind: 'cut' });
  }

  #at(inMs: number, event: PlanEvent): void {
    void pause(this.#clock, inMs, AbortSignal.any([this.#signal, this.#timers.signal])).then((passed) => {
      if (passed) this.#tell(event);
    });
  }
}

/** The machine stays until a known moment: training on costs nothing. Where somebody waits for us to go, we go. */
function mayTrainOn({ notice }: LatchedStop, { asksEarly }: NoticedTrainer): boolean {
  if (asksEarly) return false;
  return (
    (notice.kind === 'spot-interruption' && notice.action !== 'hibernate') ||
    notice.kind === 'scheduled-maintenance'
  );
}
