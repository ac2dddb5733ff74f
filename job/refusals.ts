import { pause } from '../lib/base/clock.ts';
import { messageOf } from '../lib/base/errors.ts';
import type { World } from './world.ts';

/**
 * Five refusals in a row, 5, 10, 20 and 40 s apart: a role that was just changed, or a metadata service without
 * credentials for a moment, is forgiven; a worker that may do nothing must not stay, nor go through ticket after ticket.
 */
const refusalsMax = 5;
const firstPauseMs = 5_000;

/** Counts in a row what another try a moment later will hardly mend: refused access, a queue that is gone. */
export class Refusals {
  readonly #world: World;
  readonly #stopping: AbortSignal;
  #inRow = 0;
  #everAllowed: boolean;

  /** @param options.everAllowed false: the first refusal ends it, since nothing has shown yet that the settings are right */
  constructor(world: World, options: { readonly stopping: AbortSignal; readonly everAllowed: boolean }) {
    this.#world = world;
    this.#stopping = options.stopping;
    this.#everAllowed = options.everAllowed;
  }

  /** It worked. */
  forget(): void {
    this.#inRow = 0;
    this.#everAllowed = true;
  }

  /** Waits before the next try; throws `error` when there should be none. */
  async meet(error: unknown): Promise<void> {
    this.#inRow += 1;
    if (!this.#everAllowed || this.#inRow >= refusalsMax) throw error;
    this.#world.log.warn('refused', { message: messageOf(error), inRow: this.#inRow });
    await pause(this.#world.clock, firstPauseMs * 2 ** (this.#inRow - 1), this.#stopping);
  }
}
