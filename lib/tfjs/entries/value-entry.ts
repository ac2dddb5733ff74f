import type { Stateful, TypedArray } from '../../training/define-training.ts';
import { decodePlain, encodePlain } from '../../training/plain-values.ts';
import { restoreInPlace } from '../../training/restore-in-place.ts';
import { isSettled } from '../../training/settled-arrays.ts';
import { isArrayDtype } from '../tensor-data.ts';
import type { Capture, Entry, LiveTensor } from './entry.ts';
import type { SavedEntry } from '../saved-entry.ts';

/** State that saves itself. */
export function statefulEntry(name: string, stateful: Stateful): Entry {
  return valueEntry(name, {
    kind: 'stateful',
    save: () => stateful.save(),
    load: (value) => stateful.load(value),
  });
}

/** A plain object, restored in place, so that closures keep seeing it. */
export function plainEntry(name: string, object: object): Entry {
  return valueEntry(name, {
    kind: 'plain',
    save: () => object,
    load: (value) => restoreInPlace(object, value),
  });
}

interface Value {
  readonly kind: 'stateful' | 'plain';
  save(): unknown;
  load(value: unknown): void;
}

function valueEntry(name: string, value: Value): Entry {
  return {
    name,
    kind: value.kind,
    weights: [],
    capture: () => captured(name, value.save()),
    plan(saved) {
      if (saved.document === undefined) {
        if (!saved.keepsInitial('')) saved.differ(`${name}: the checkpoint has no state of this name`);
        return () => {};
      }
      const restored = decodePlain(saved.document.value, (tensor) => storedArray(saved, tensor));
      return () => value.load(restored);
    },
    variables: () => [],
    compatibility: () => ({}),
  };
}

/** Typed arrays inside become tensors of the file, named by where they stand. */
function captured(name: string, value: unknown): Capture {
  const tensors: LiveTensor[] = [];
  const taken = new Set<string>();
  const encoded = encodePlain(value, {
    at: `state.${name}`,
    typedArray(array, path) {
      const tensor = freeName(path === '' ? 'value' : path, taken);
      taken.add(tensor);
      tensors.push({ name: tensor, array: isSettled(array) ? array : array.slice() });
      return tensor;
    },
  });
  return { tensors, document: { value: encoded } };
}

/** Two paths can read alike where keys contain slashes. */
function freeName(path: string, taken: ReadonlySet<string>): string {
  let name = path;
  for (let count = 2; taken.has(name); count++) name = `${path}#${count}`;
  return name;
}

function storedArray(saved: SavedEntry, tensor: string): TypedArray {
  const stored = saved.takeAny(tensor);
  if (stored !== undefined && isArrayDtype(stored.dtype)) return stored.values();
  saved.differ(`the array ${tensor} of a saved value is not in the checkpoint`);
  return new Uint8Array(0);
}
