import type { Clock } from '../lib/base/clock.ts';
import { messageOf, remedyOf } from '../lib/base/errors.ts';
import type { Log } from '../lib/base/log.ts';
import type { FleetMembership, Work } from '../lib/fleet/fleet-membership.ts';
import { Wish } from './wish.ts';

export interface FleetPlaceOptions {
  readonly membership: FleetMembership;
  readonly clock: Clock;
  readonly log: Log;
}

/** Labels wait this long, so that loading their client falls into training and not between a claim and its restore. */
const labelLeadMs = 15_000;
/** Labels are for people, and EC2 throttles an account's writes as a whole. */
const labelSpacingMs = 60_000;
/** The wait of a hook begins seconds after the end was decided; after a minute it is left to its own time-out. */
const completionPatienceMs = 60_000;
const completionRetryMs = 2_000;
/** Seconds in all: the machine is of no use, and what runs after the worker reports it again. */
const reportTriesMax = 3;
const reportRetryMs = 2_000;

/**
 * What a worker does about its place in the fleet while it works, idles and goes. No job is correct or incorrect by any of
 * this: what fails is logged, costs money or a resume, and is never thrown. What a job must not wait for runs in the
 * background, and ends at the first stop notice.
 */
export class FleetPlace implements AsyncDisposable {
  readonly #options: FleetPlaceOptions;
  readonly #protection: Wish<'protected' | 'unprotected' | 'yielded'>;
  readonly #label: Wish<Work | undefined>;
  #work: Work | undefined;
  /** A replacement stands ready, and the fleet is to take this instance whenever it likes. */
  #isYielded = false;
  /** The terminate hook waits for us, or soon will. */
  #isAwaited = false;

  constructor(options: FleetPlaceOptions) {
    this.#options = options;
    const { membership } = options;
    this.#protection = new Wish({
      ...options,
      name: 'protection',
      isSame: (left, right) => left === right,
      apply: (wished, signal) => this.#setProtection(wished, signal),
    });
    this.#label = new Wish({
      ...options,
      name: 'label',
      isSame: (left, right) => left?.jobId === right?.jobId && left?.step === right?.step,
      apply: (work, signal) => membership.label(work, signal),
      leadMs: labelLeadMs,
      spacingMs: labelSpacingMs,
    });
  }

  /** A job was claimed; its newest checkpoint is of this step. */
  claimed(work: Work): void {
    if (!this.#isYielded) this.#protection.set('protected');
    this.saved(work);
  }

  /** A checkpoint was committed. */
  saved(work: Work): void {
    this.#work = work;
    this.#label.set(work);
  }

  /** EC2 recommended to leave this instance, and the running job was saved for that. */
  savedAtRisk(): undefined {
    this.#protection.set('yielded');
  }

  /** The queue was asked and had no job. Between two jobs at once nothing changes. */
  idles(): void {
    // Only what was set is taken off; but what a new instance's protection is, only the fleet knows.
    this.#protection.set('unprotected');
    if (this.#work !== undefined) this.#label.set(undefined);
    this.#work = undefined;
  }

  /**
   * The end was announced: from here on nothing competes with saving and handing over. `isAwaited`: by a hook that holds the
   * instance for our hand-over alone, and is told when this place is given up.
   */
  async standDown({ isAwaited = false } = {}): Promise<void> {
    this.#isAwaited ||= isAwaited;
    await Promise.all([this.#protection.close(), this.#label.close()]);
  }

  /** False also when it is not known. */
  async isOutdated(): Promise<boolean> {
    try {
      return await this.#options.membership.isOutdated();
    } catch (error) {
      // An old template is as good as it was yesterday; the question comes again after the next job.
      this.#options.log.warn('template-not-compared', { message: messageOf(error) });
      return false;
    }
  }

  /**
   * As the fleet's; the wait of its hook ends with this place. `needed` also when it is not known: a worker that stays costs
   * money, one that ends on a machine that stays costs more.
   */
  async retire(how: { readonly replaced: boolean }): Promise<'retiring' | 'needed' | 'alone'> {
    const { membership, log } = this.#options;
    try {
      const answer = await membership.retire(how);
      log.info('retire', { ...how, answer });
      this.#isAwaited ||= answer === 'retiring';
      return answer;
    } catch (error) {
      // The worker stays and takes jobs; whoever idles on asks again.
      log.warn('retire-failed', { ...how, message: messageOf(error) });
      return 'needed';
    }
  }

  /** Everything is handed over: the instance need not wait for the end of its hook. */
  async completeTermination({ patienceMs = completionPatienceMs } = {}): Promise<void> {
    const { membership, clock, log } = this.#options;
    for (const endMs = clock.monotonicMs() + patienceMs; clock.monotonicMs() < endMs;) {
      try {
        if ((await membership.completeTermination()) === 'completed') return;
      } catch (error) {
        log.warn('hook-not-completed', { message: messageOf(error) });
        if (remedyOf(error) !== 'retry') return;
      }
      await clock.sleep(completionRetryMs);
    }
    // The hook ends by itself after its time: that costs minutes of an idle machine.
    log.warn('hook-left-waiting', { patienceMs });
  }

  /** The machine looks broken. What runs after the worker says so again. */
  async reportUnhealthy(): Promise<void> {
    const { membership, clock, log } = this.#options;
    for (let tries = 1; tries <= reportTriesMax; tries++) {
      try {
        await membership.reportUnhealthy();
        return;
      } catch (error) {
        log.warn('report-failed', { tries, message: messageOf(error) });
        if (remedyOf(error) !== 'retry') return;
      }
      if (tries < reportTriesMax) await clock.sleep(reportRetryMs);
    }
  }

  /** The last act of a worker: where a hook waits, the machine is gone soon afterwards. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.standDown();
    if (this.#isAwaited) await this.completeTermination();
    this.#options.membership.close();
  }

  async #setProtection(wished: 'protected' | 'unprotected' | 'yielded', signal: AbortSignal): Promise<void> {
    const { membership, log } = this.#options;
    if (wished === 'protected') return membership.protect(signal);
    if (wished === 'unprotected') return membership.unprotect(signal);
    const answer = await membership.yieldToReplacement(signal);
    this.#isYielded = answer === 'yielded';
    log.info('rebalance-answered', { answer });
  }
}
