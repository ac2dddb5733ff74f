import type { Clock } from '../../lib/base/clock.ts';
import type { HeldPiece } from '../../lib/training/state.ts';

/** Of the time of a step: what reading may add to it. A save is then never felt, and 1 GB is read within a minute of training. */
const shareOfStep = 0.02;
/** Reading less in one go would spend more on turns than on reading. */
const sliceMsMin = 2;
/** The shortest of this many steps counts: a first compilation and an evaluation between them say nothing. */
const recentSteps = 5;
/** Until a read was measured: what a native backend gives on a modest machine. Bytes per millisecond. */
const assumedRate = 2_000_000;
/** How much a new measurement counts: reads differ by size, and one may meet a collection of garbage. */
const rateWeight = 0.3;
/** Smaller reads measure their own fixed cost. */
const measurableBytes = 256 * 1024;

/** Milliseconds that a snapshot may be read for before the training loop gets its turn. */
export function sliceMs(stepsMs: readonly number[]): number {
  return stepsMs.length === 0 ? sliceMsMin : Math.max(sliceMsMin, shareOfStep * Math.min(...stepsMs));
}

/**
 * Spreads the reading of a snapshot over the steps that go on meanwhile, and measures what it takes from them. A loop
 * that is halted takes no turns, so that then reading goes on at full speed.
 */
export class DrainPace {
  readonly #clock: Clock;
  #stepsMs: readonly number[] = [];
  #rate = assumedRate;
  #spentInTurnMs = 0;
  #stolenMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** What snapshots have taken from training since this was made: reading, submitting, answering. Milliseconds. */
  get stolenMs(): number {
    return this.#stolenMs;
  }

  stepped(stepMs: number): void {
    this.#stepsMs = [...this.#stepsMs, stepMs].slice(-recentSteps);
    this.#spentInTurnMs = 0;
  }

  /** The training loop had its turn. */
  turned(): void {
    this.#spentInTurnMs = 0;
  }

  /** True when `bytes` that have to be copied would take longer than what is left of this turn. A turn can always do something. */
  isOver(bytes: number): boolean {
    const spent = this.#spentInTurnMs;
    return spent > 0 && spent + bytes / this.#rate > sliceMs(this.#stepsMs);
  }

  /** Work on the thread that trains. */
  spend<Result>(work: () => Result): Result {
    const startedAtMs = this.#clock.monotonicMs();
    try {
      return work();
    } finally {
      const tookMs = this.#clock.monotonicMs() - startedAtMs;
      this.#spentInTurnMs += tookMs;
      this.#stolenMs += tookMs;
    }
  }

  /** The same, for what has to be copied: how long it took tells how much a slice may hold. */
  read(piece: HeldPiece): Uint8Array {
    const before = this.#stolenMs;
    const bytes = this.spend(() => piece.read());
    const tookMs = this.#stolenMs - before;
    if (bytes.length >= measurableBytes && tookMs > 0)
      this.#rate += rateWeight * (bytes.length / tookMs - this.#rate);
    return bytes;
  }
}
