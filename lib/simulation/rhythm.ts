import type { Line } from './next-save.ts';

/** From one save to the next. */
export interface Cycle {
  readonly seconds: number;
  readonly steps: number;
}

/** Times are sums of steps, so that like cycles differ by rounding. */
const roundingSeconds = 1e-6;

/** Notices when two cycles of training and saving were alike. */
export class Rhythm {
  #before: Line | undefined;
  #cycle: Cycle | undefined;

  /** Told where training stood after a save; the cycle that ended there, when it was like the one before it. */
  after(line: Line): Cycle | undefined {
    const before = this.#before;
    const last = this.#cycle;
    this.#before = line;
    this.#cycle =
      before === undefined
        ? undefined
        : { seconds: line.atSeconds - before.atSeconds, steps: line.step - before.step };
    if (last === undefined || this.#cycle === undefined || this.#cycle.steps === 0) return undefined;
    const isAlike =
      last.steps === this.#cycle.steps && Math.abs(last.seconds - this.#cycle.seconds) < roundingSeconds;
    return isAlike ? this.#cycle : undefined;
  }

  forget(): void {
    this.#before = undefined;
    this.#cycle = undefined;
  }
}

/** Where training stands `cycles` cycles later. */
export function shifted(line: Line, { seconds, steps }: Cycle, cycles: number): Line {
  return { atSeconds: line.atSeconds + cycles * seconds, step: line.step + cycles * steps };
}
