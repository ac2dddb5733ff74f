import { assert } from '../../lib/base/assert.ts';
import { type SavableRun, type Snapshot, takeSnapshot } from '../../lib/training/snapshot.ts';
import { whyNoHeadroom } from './headroom.ts';

/** Each may be one more copy of the state in memory. One is written at a time, which keeps the bound with one to spare. */
const heldMax = 2;

export interface HeldSnapshot {
  readonly snapshot: Snapshot;
  readonly bytes: number;
  /** There is no room in memory for steps beside it: training has to wait until it is given back. */
  readonly isAlone: boolean;
}

/** Takes snapshots as memory allows. */
export class HeldSnapshots {
  readonly #say: (line: string) => void;
  readonly #held = new Set<HeldSnapshot>();
  /** The largest one that was held while steps were taken. */
  #coveredBytes = 0;
  #hasSaidWhy = false;

  /** `say` takes a line for people. */
  constructor(say: (line: string) => void) {
    this.#say = say;
  }

  take(run: SavableRun): HeldSnapshot {
    assert(this.#held.size < heldMax, 'few snapshots are held at a time', { held: this.#held.size });
    const snapshot = takeSnapshot(run);
    const bytes = snapshot.files.reduce((sum, file) => sum + file.bytes, 0);
    const held = { snapshot, bytes, isAlone: this.#isAlone(run, bytes) };
    this.#held.add(held);
    return held;
  }

  /** It was released. */
  gaveBack(held: HeldSnapshot): void {
    this.#held.delete(held);
  }

  /** A step begins beside whatever is held. */
  stepBegins(): void {
    for (const { bytes } of this.#held) this.#coveredBytes = Math.max(this.#coveredBytes, bytes);
  }

  #isAlone(run: SavableRun, bytes: number): boolean {
    const why = whyNoHeadroom({ bytes, coveredBytes: this.#coveredBytes, memory: run.state.memory() });
    if (why !== undefined && !this.#hasSaidWhy) {
      this.#hasSaidWhy = true;
      this.#say(`training waits while a checkpoint is written to the staging folder: ${why}.`);
    }
    return why !== undefined;
  }
}
