import { UserProgramError } from '../base/errors.ts';
import { layoutSafetensors, type SafetensorsLayout, type TensorSpec } from '../contract/safetensors.ts';
import type { LiveTensor } from './entries/entry.ts';
import { arrayDtype, storedDtype } from './tensor-data.ts';

export interface IndexedSpec extends TensorSpec {
  /** Place among the tensors as they were given. */
  readonly index: number;
}
type Layout = SafetensorsLayout<IndexedSpec>;

/** What decides where a tensor lies, without the tensor: a layout outlives what it was made for. */
interface Outline {
  readonly name: string;
  /** Of a tensor its type, of an array the class. */
  readonly type: unknown;
  readonly shape: readonly number[];
}

/**
 * Where tensors lie in the files of a state. Names, types and shapes hardly ever change between two snapshots: a header
 * is written once and used again.
 */
export class FileLayouts {
  readonly #known = new Map<string, { readonly outlines: readonly Outline[]; readonly layout: Layout }>();

  /** @throws UserProgramError when two tensors have one name, or one has a type that cannot be stored */
  of(path: string, tensors: readonly LiveTensor[]): Layout {
    const known = this.#known.get(path);
    if (known !== undefined && fits(known.outlines, tensors)) return known.layout;
    const layout = layoutSafetensors(specsOf(path, tensors));
    this.#known.set(path, { outlines: tensors.map(outlineOf), layout });
    return layout;
  }
}

function specsOf(path: string, tensors: readonly LiveTensor[]): readonly IndexedSpec[] {
  const names = new Set<string>();
  return tensors.map((live, index) => {
    const { name } = live;
    if (names.has(name)) {
      throw new UserProgramError(`two tensors are called ${name} in ${path}.`, {
        hint: 'Give layers and variables explicit names that differ.',
      });
    }
    names.add(name);
    return 'array' in live
      ? { name, dtype: arrayDtype(live.array), shape: [live.array.length], index }
      : { name, dtype: storedDtype(live.tensor.dtype, name), shape: live.tensor.shape, index };
  });
}

function outlineOf(live: LiveTensor): Outline {
  return 'array' in live
    ? { name: live.name, type: live.array.constructor, shape: [live.array.length] }
    : { name: live.name, type: live.tensor.dtype, shape: live.tensor.shape };
}

function fits(outlines: readonly Outline[], tensors: readonly LiveTensor[]): boolean {
  if (outlines.length !== tensors.length) return false;
  return tensors.every((live, index) => {
    const outline = outlines[index];
    if (outline === undefined || outline.name !== live.name) return false;
    if ('array' in live)
      return outline.type === live.array.constructor && outline.shape[0] === live.array.length;
    return outline.type === live.tensor.dtype && isSameShape(outline.shape, live.tensor.shape);
  });
}

function isSameShape(one: readonly number[], other: readonly number[]): boolean {
  // A variable keeps the very list when it is assigned.
  return one === other || (one.length === other.length && one.every((size, axis) => size === other[axis]));
}
