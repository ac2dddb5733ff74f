/** Virtual time: nothing happens but what was put on it, in the order of its times and then in the order in which it was put there. */

interface Event {
  readonly atMs: number;
  readonly order: number;
  /** False when nothing came of it, so that nobody need be waited for. */
  readonly act: () => boolean | void;
}

/** Lets everything run that can run now. Nothing in a simulated world waits for a file, a socket or a timer, so that one turn is enough. */
const settle = (): Promise<void> =>
  new Promise((resolve) => {
    setImmediate(resolve);
  });

export class Timeline {
  nowMs = 0;
  /** Events that have happened. */
  events = 0;
  readonly #heap: Event[] = [];
  #order = 0;

  /** `act` happens after `ms`. */
  after(ms: number, act: Event['act']): void {
    this.#push({ atMs: this.nowMs + Math.max(0, Math.ceil(ms)), order: this.#order++, act });
  }

  /** Lets events happen, one after the other, until there is none before `endMs` or `isOver`. */
  async run(endMs: number, isOver: () => boolean): Promise<void> {
    await settle();
    for (
      let next = this.#heap[0];
      next !== undefined && next.atMs <= endMs && !isOver();
      next = this.#heap[0]
    ) {
      this.#pop();
      this.nowMs = next.atMs;
      this.events++;
      if (next.act() !== false) await settle();
    }
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let at = heap.length;
    for (; at > 0;) {
      const above = (at - 1) >> 1;
      const parent = heap[above];
      if (parent === undefined || !isBefore(event, parent)) break;
      heap[at] = parent;
      at = above;
    }
    heap[at] = event;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      const left = heap[2 * at + 1];
      if (left === undefined) break;
      const right = heap[2 * at + 2];
      const [child, below] =
        right !== undefined && isBefore(right, left) ? [right, 2 * at + 2] : [left, 2 * at + 1];
      if (!isBefore(child, last)) break;
      heap[at] = child;
      at = below;
    }
    heap[at] = last;
  }
}

function isBefore(left: Event, right: Event): boolean {
  return left.atMs === right.atMs ? left.order < right.order : left.atMs < right.atMs;
}
