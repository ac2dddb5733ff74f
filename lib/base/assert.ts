import { type Facts, InvariantError } from './errors.ts';

/**
 * States what only a fault in Holdfast could break. For the world outside (input, stores, networks) throw an error instead.
 * @throws InvariantError when `condition` is false
 */
export function assert(condition: boolean, claim: string, facts?: Facts): asserts condition {
  if (!condition)
    throw new InvariantError(`broken invariant: ${claim}`, facts === undefined ? {} : { facts });
}

/** The value, which only a fault in Holdfast could have made undefined. */
export function defined<Value>(value: Value | undefined | null, claim: string): Value {
  assert(value !== undefined && value !== null, claim);
  return value;
}
