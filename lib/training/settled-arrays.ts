import type { TypedArray } from './define-training.ts';

const settled = new WeakSet<TypedArray>();

/** Promises that nobody will ever write to this array again: a snapshot may hold it without a copy. */
export function settle(array: TypedArray): void {
  settled.add(array);
}

export function isSettled(array: TypedArray): boolean {
  return settled.has(array);
}
