import { sha256Hex } from '../../lib/base/digest.ts';
import { type Random, seededRandom } from '../../lib/base/random.ts';

/** Numbers of its own for each name: what one part of a history draws moves no other part. */
export function chanceOf(seed: number, name: string): Random {
  const digest = sha256Hex(new TextEncoder().encode(`${seed}/${name}`));
  return seededRandom(Number.parseInt(digest.slice(0, 12), 16));
}

/** A whole number from `least` to `most`. */
export function between(random: Random, least: number, most: number): number {
  return least + Math.floor(random.next() * (most - least + 1));
}

export function isDrawn(random: Random, share: number): boolean {
  return random.next() < share;
}

/** @throws for an empty list */
export function oneOf<Value>(random: Random, values: readonly Value[]): Value {
  const value = values[Math.floor(random.next() * values.length)];
  if (value === undefined) throw new Error('there is nothing to choose from');
  return value;
}
