import { deferred, type Deferred } from '../lib/base/deferred.ts';

/** Events from many sources, taken one at a time in the order of arrival, so that an attempt is decided in one place. */
export class Mailbox<Event> {
  readonly #events: Event[] = [];
  #waiting: Deferred<void> | undefined;

  push(event: Event): void {
    this.#events.push(event);
    this.#waiting?.resolve();
    this.#waiting = undefined;
  }

  async next(): Promise<Event> {
    for (;;) {
      const event = this.#events.shift();
      if (event !== undefined) return event;
      await this.arrived();
    }
  }

  /** Resolves when there is an event to take. Takes none, so that it can be given up. */
  async arrived(): Promise<undefined> {
    if (this.#events.length > 0) return;
    this.#waiting ??= deferred();
    await this.#waiting.promise;
  }
}
