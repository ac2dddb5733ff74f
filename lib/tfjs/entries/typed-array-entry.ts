import type { TypedArray } from '../../training/define-training.ts';
import { describe, type Wanted } from '../saved-entry.ts';
import { arrayDtype } from '../tensor-data.ts';
import type { Entry } from './entry.ts';

/** A typed array, copied at each snapshot and restored in place. */
export function typedArrayEntry(name: string, array: TypedArray): Entry {
  const wanted: Wanted = { name: 'value', shape: [array.length], dtype: arrayDtype(array) };
  return {
    name,
    kind: 'typed-array',
    weights: [],
    capture: () => ({ tensors: [{ name: wanted.name, array: array.slice() }], document: {} }),
    plan(saved) {
      const stored = saved.take(wanted);
      return () => {
        if (stored !== undefined) array.set(stored.values());
      };
    },
    variables: () => [],
    compatibility: () => ({ tensors: { value: describe(wanted) } }),
  };
}
