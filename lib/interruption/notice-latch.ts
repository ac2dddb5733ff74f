import type { Clock } from '../base/clock.ts';
import { deadlineIn, type Deadline } from '../base/deadline.ts';
import { isStopNotice, type Notice, type StopNotice } from './notice.ts';
import { defaultStopGrace, stopTimeMs, type StopGrace } from './stop-time.ts';

export type RebalanceRecommendation = Exclude<Notice, StopNotice>;

/** The end of this instance, as far as anybody has said. Never taken back. */
export interface LatchedStop {
  /** The notice that set the deadline: the first, unless another one left less time. */
  readonly notice: StopNotice;
  /** On the monotonic clock; may come closer, never moves away. */
  readonly deadline: Deadline;
  /** When the first stop notice was seen. */
  readonly noticedAtMonotonicMs: number;
}

/** A notice is dated in whole seconds, so the same notice read twice differs by up to this much. That alone is no news. */
const newsMs = 1_000;

/** What a newly read notice changed. */
export type LatchChange = 'nothing' | 'stop' | 'stop-sooner' | 'rebalance';

/**
 * Remembers notices. Sources may move a time, repeat a notice or withdraw it; what was once announced stands, and only an
 * earlier deadline replaces a deadline.
 */
export class NoticeLatch {
  readonly #clock: Clock;
  readonly #grace: StopGrace;
  #stop: LatchedStop | undefined;
  #rebalance: RebalanceRecommendation | undefined;
  #deadlineAtMonotonicMs = Number.POSITIVE_INFINITY;
  /** The deadline when listeners last heard of one. */
  #toldAtMonotonicMs = Number.POSITIVE_INFINITY;

  constructor(options: { readonly clock: Clock; readonly grace?: StopGrace | undefined }) {
    this.#clock = options.clock;
    this.#grace = options.grace ?? defaultStopGrace;
  }

  get stop(): LatchedStop | undefined {
    return this.#stop;
  }

  get rebalance(): RebalanceRecommendation | undefined {
    return this.#rebalance;
  }

  /** Takes in one notice. `stop-sooner`: the deadline came closer by more than the noise of its dates. */
  take(notice: Notice): LatchChange {
    if (!isStopNotice(notice)) {
      if (this.#rebalance !== undefined) return 'nothing';
      this.#rebalance = notice;
      return 'rebalance';
    }
    const { atMonotonicMs } = deadlineIn(this.#clock, stopTimeMs(notice, this.#grace));
    if (atMonotonicMs >= this.#deadlineAtMonotonicMs) return 'nothing';
    this.#deadlineAtMonotonicMs = atMonotonicMs;
    const isFirst = this.#stop === undefined;
    const isNews = isFirst || atMonotonicMs < this.#toldAtMonotonicMs - newsMs;
    if (!isNews) return 'nothing';
    this.#toldAtMonotonicMs = atMonotonicMs;
    const noticedAtMonotonicMs = this.#stop?.noticedAtMonotonicMs ?? this.#clock.monotonicMs();
    this.#stop = { notice, deadline: this.#liveDeadline(), noticedAtMonotonicMs };
    return isFirst ? 'stop' : 'stop-sooner';
  }

  /** Reads the latch each time, so that whoever holds an older `LatchedStop` does not plan with time that is gone. */
  #liveDeadline(): Deadline {
    const now = (): number => this.#clock.monotonicMs();
    const at = (): number => this.#deadlineAtMonotonicMs;
    return {
      get atMonotonicMs() {
        return at();
      },
      remainingMs: () => Math.max(0, at() - now()),
    };
  }
}
