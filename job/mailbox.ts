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
      this.#waiting ??= deferred();
      await this.#waiting.promise;
    }
  }
}
