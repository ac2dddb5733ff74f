import { messageOf } from '../lib/base/errors.ts';
import { deleteDropped, pruneRequested, sweepGarbage } from '../lib/checkpoint/prune.ts';
import type { Claim } from '../lib/journal/claim.ts';
import type { World } from './world.ts';

/**
 * Deletes what commits leave behind, one after the other and beside training. Deleting is never urgent and never fails
 * an attempt: what stays behind is swept by the next claim.
 */
export class Cleaning {
  readonly #world: World;
  readonly #claim: Claim;
  #running: Promise<void> = Promise.resolve();
  #isAnswering = false;

  constructor(world: World, claim: Claim) {
    this.#world = world;
    this.#claim = claim;
  }

  /** After a commit: what it dropped and, once per claim, what older claims left. */
  afterCommit({ drops, isFirst }: { readonly drops: readonly string[]; readonly isFirst: boolean }): void {
    const { store } = this.#world;
    this.#soon(async () => {
      if (drops.length > 0) await deleteDropped(store, this.#claim, drops);
      if (isFirst) await sweepGarbage(this.#claim, store);
    });
  }

  /** Operators asked for checkpoints to be dropped. Safe to repeat: what is under way is not begun again. */
  answerRequests(): void {
    if (this.#isAnswering) return;
    this.#isAnswering = true;
    this.#soon(async () => {
      try {
        const pruned = await pruneRequested(this.#claim, this.#world.store);
        if (pruned.length > 0) this.#world.log.info('checkpoints-pruned', { checkpoints: pruned.join() });
      } finally {
        this.#isAnswering = false;
      }
    });
  }

  /** Resolves when everything that was begun has ended. */
  async idle(): Promise<void> {
    await this.#running;
  }

  #soon(work: () => Promise<unknown>): void {
    this.#running = this.#running.then(async () => {
      try {
        await work();
      } catch (error) {
        this.#world.log.warn('cleaning-failed', { message: messageOf(error) });
      }
    });
  }
}
