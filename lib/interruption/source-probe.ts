import type { Clock } from '../base/clock.ts';
import { messageOf } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { withTimeLimit } from '../base/time-limit.ts';
import type { Notice } from './notice.ts';
import type { NoticeSource } from './notice-source.ts';

/** A watch that never fires must be tellable from one that cannot see. */
export interface SourceReport {
  readonly name: string;
  /** Looks that were answered; 0 means that nothing is known from this source. */
  readonly armed: number;
  /** Looks that found a notice. */
  readonly fired: number;
  /** Looks that failed, ever. */
  readonly failed: number;
  /** When the present row of failures began; undefined while the source can be read. */
  readonly failingSince: Date | undefined;
}

export type Look =
  | { readonly isRead: true; readonly notice: Notice | undefined }
  | { readonly isRead: false };

/** One line a minute while a source keeps failing: enough for an alarm, too little to fill a disk. */
const repeatMs = 60_000;

/** One source with its time limit and its record. */
export class SourceProbe {
  readonly source: NoticeSource;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #timeoutMs: number;
  #armed = 0;
  #fired = 0;
  #failed = 0;
  #failing: { readonly since: Date; loggedAtMonotonicMs: number } | undefined;
  #running: Promise<Look> | undefined;

  constructor(options: {
    readonly source: NoticeSource;
    readonly clock: Clock;
    readonly log: Log;
    readonly sourceTimeoutMs: number;
  }) {
    this.source = options.source;
    this.#clock = options.clock;
    this.#log = options.log.with({ source: options.source.name });
    this.#timeoutMs = options.sourceTimeoutMs;
  }

  report(): SourceReport {
    return {
      name: this.source.name,
      armed: this.#armed,
      fired: this.#fired,
      failed: this.#failed,
      failingSince: this.#failing?.since,
    };
  }

  /** Looks once; whoever asks while a look is under way shares its answer. Never throws: failures are counted and logged. */
  look(signal: AbortSignal): Promise<Look> {
    this.#running ??= this.#lookNow(signal).finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #lookNow(signal: AbortSignal): Promise<Look> {
    try {
      const notice = await withTimeLimit((limited) => this.source.poll(limited), {
        clock: this.#clock,
        limitMs: this.#timeoutMs,
        what: `a look at ${this.source.name}`,
        signal,
      });
      this.#succeed(notice);
      return { isRead: true, notice };
    } catch (error) {
      // Whatever it was, the watch must outlive it: the other sources still protect the job, and this one is read again.
      if (!signal.aborted) this.#fail(error);
      return { isRead: false };
    }
  }

  #succeed(notice: Notice | undefined): void {
    this.#armed++;
    if (notice !== undefined) this.#fired++;
    if (this.#failing === undefined) return;
    const { since } = this.#failing;
    this.#failing = undefined;
    this.#log.info('notice-source-recovered', { failingSince: since.toISOString() });
  }

  #fail(error: unknown): void {
    this.#failed++;
    const nowMs = this.#clock.monotonicMs();
    const isDue = this.#failing === undefined || nowMs - this.#failing.loggedAtMonotonicMs >= repeatMs;
    this.#failing ??= { since: this.#clock.now(), loggedAtMonotonicMs: nowMs };
    if (!isDue) return;
    this.#failing.loggedAtMonotonicMs = nowMs;
    this.#log.warn('notice-source-failing', {
      message: messageOf(error),
      failingSince: this.#failing.since.toISOString(),
      failed: this.#failed,
    });
  }
}
