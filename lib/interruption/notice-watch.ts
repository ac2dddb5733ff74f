import { type Clock, pause } from '../base/clock.ts';
import { defined } from '../base/assert.ts';
import type { Log } from '../base/log.ts';
import { type LatchedStop, NoticeLatch, type RebalanceRecommendation } from './notice-latch.ts';
import type { NoticeSource } from './notice-source.ts';
import { SourceProbe, type SourceReport } from './source-probe.ts';
import type { StopGrace } from './stop-time.ts';

export type { LatchedStop, RebalanceRecommendation } from './notice-latch.ts';

export interface NoticeWatchOptions {
  readonly sources: readonly NoticeSource[];
  readonly clock: Clock;
  readonly log: Log;
  /** Between two looks at one source (`timers.noticePollMs`). */
  readonly pollMs: number;
  /** For one look, token and repetition included. @default 5000 */
  readonly sourceTimeoutMs?: number;
  readonly grace?: StopGrace | undefined;
}

/** What one look at every source found. */
export interface NoticeReading {
  readonly stop: LatchedStop | undefined;
  readonly rebalance: RebalanceRecommendation | undefined;
  /** Names of the sources that could not be read: whether they hold a notice is unknown. */
  readonly unreadable: readonly string[];
}

/**
 * Watches every source of notices, each in a loop of its own, so that a slow one delays no other. The first stop notice is
 * latched with its deadline on the monotonic clock: later ones may only bring it closer, a withdrawn one stands. A source
 * that cannot be read is reported and read again; it never counts as "no notice". The watch owns its sources.
 */
export class NoticeWatch implements AsyncDisposable {
  readonly #options: NoticeWatchOptions;
  readonly #latch: NoticeLatch;
  readonly #probes: readonly SourceProbe[];
  readonly #stopListeners = new Set<(stop: LatchedStop) => void>();
  readonly #rebalanceListeners = new Set<(rebalance: RebalanceRecommendation) => void>();
  readonly #ended = new AbortController();
  #loops: Promise<void> | undefined;

  constructor(options: NoticeWatchOptions) {
    this.#options = options;
    this.#latch = new NoticeLatch(options);
    const { clock, log, sourceTimeoutMs = 5_000 } = options;
    this.#probes = options.sources.map((source) => new SourceProbe({ source, clock, log, sourceTimeoutMs }));
  }

  /** The latched stop; undefined while nobody has announced one. */
  get stop(): LatchedStop | undefined {
    return this.#latch.stop;
  }

  /** The first rebalance recommendation. */
  get rebalance(): RebalanceRecommendation | undefined {
    return this.#latch.rebalance;
  }

  /** How each source is doing, for logs and `doctor`. */
  get reports(): readonly SourceReport[] {
    return this.#probes.map((probe) => probe.report());
  }

  /** Looks at all sources together, in a second. */
  get looksPerSecond(): number {
    return this.#probes.reduce(
      (sum, { source }) => sum + 1_000 / (this.#options.pollMs * (source.everyNthLook ?? 1)),
      0,
    );
  }

  /** Begins to poll. Errors of sources are reported, never thrown. */
  start(): void {
    this.#loops ??= Promise.all(this.#probes.map((probe) => this.#follow(probe))).then(() => undefined);
  }

  /**
   * Calls `listener` with the first stop notice, at once if there is one, and again whenever a later notice leaves over a
   * second less. Returns a function that ends this.
   */
  onStop(listener: (stop: LatchedStop) => void): () => void {
    this.#stopListeners.add(listener);
    if (this.stop !== undefined) listener(this.stop);
    return () => this.#stopListeners.delete(listener);
  }

  /** Calls `listener` once, with the first rebalance recommendation; at once if there is one. Returns a function that ends this. */
  onRebalance(listener: (rebalance: RebalanceRecommendation) => void): () => void {
    this.#rebalanceListeners.add(listener);
    if (this.rebalance !== undefined) listener(this.rebalance);
    return () => this.#rebalanceListeners.delete(listener);
  }

  /**
   * Looks at every source once, in parallel, and answers when each has answered, failed or timed out. A worker does this
   * before it takes work: a machine that is about to go must not take any.
   */
  async readAll(): Promise<NoticeReading> {
    const isRead = await Promise.all(this.#probes.map((probe) => this.#look(probe)));
    const unreadable = this.#probes.flatMap((probe, index) =>
      isRead[index] === true ? [] : [probe.source.name],
    );
    return { stop: this.stop, rebalance: this.rebalance, unreadable };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended.abort();
    await this.#loops;
    for (const { source } of this.#probes) source[Symbol.dispose]?.();
  }

  async #follow(probe: SourceProbe): Promise<void> {
    const { signal } = this.#ended;
    while (!signal.aborted) {
      await this.#look(probe);
      await pause(this.#options.clock, this.#options.pollMs * (probe.source.everyNthLook ?? 1), signal);
    }
  }

  /** False when the source could not be read. */
  async #look(probe: SourceProbe): Promise<boolean> {
    const look = await probe.look(this.#ended.signal);
    if (!look.isRead) return false;
    if (look.notice === undefined) return true;
    const change = this.#latch.take(look.notice);
    if (change === 'stop' || change === 'stop-sooner') this.#tellStop(probe);
    if (change === 'rebalance') this.#tellRebalance(probe);
    return true;
  }

  #tellStop(probe: SourceProbe): void {
    const stop = defined(this.stop, 'a stop was latched');
    this.#options.log.warn('stop-noticed', {
      source: probe.source.name,
      notice: stop.notice,
      remainingMs: stop.deadline.remainingMs(),
    });
    for (const listener of this.#stopListeners) listener(stop);
  }

  #tellRebalance(probe: SourceProbe): void {
    const rebalance = defined(this.rebalance, 'a recommendation was latched');
    this.#options.log.info('rebalance-recommended', { source: probe.source.name, notice: rebalance });
    for (const listener of this.#rebalanceListeners) listener(rebalance);
  }
}
