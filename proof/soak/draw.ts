import { assert } from '../../lib/base/assert.ts';
import type { Random } from '../../lib/base/random.ts';

/** One of the choices, each as likely as its weight. */
export function drawWeighted<Choice extends string>(
  random: Random,
  choices: ReadonlyArray<readonly [choice: Choice, weight: number]>,
): Choice {
  let left = random.next() * choices.reduce((sum, [, weight]) => sum + weight, 0);
  for (const [choice, weight] of choices) {
    left -= weight;
    if (left < 0) return choice;
  }
  const last = choices.at(-1)?.[0];
  assert(last !== undefined, 'there is something to choose from');
  return last;
}

/** One of the items, each as likely; undefined of none. */
export function drawOne<Item>(random: Random, items: readonly Item[]): Item | undefined {
  return items[Math.floor(random.next() * items.length)];
}

/** A whole number from `low` to `high`, both included. */
export function drawWhole(random: Random, low: number, high: number): number {
  return low + Math.floor(random.next() * (high - low + 1));
}

/** Time until the next event of a process without memory, in ms. */
export function drawGapMs(random: Random, meanMs: number): number {
  return -Math.log(1 - random.next()) * meanMs;
}
