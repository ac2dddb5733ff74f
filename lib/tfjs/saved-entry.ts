import type { StateEntryDocument } from '../contract/trainer-document.ts';
import type { Unmatched } from '../training/define-training.ts';
import type { RestoreOptions } from '../training/state.ts';
import type { SafetensorsDtype } from '../contract/safetensors.ts';
import type { SavedTensor } from './saved-tensor.ts';
import { tensorDtype } from './tensor-data.ts';

export interface Wanted {
  /** Name of the tensor in the entry's file. */
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: SafetensorsDtype;
}

interface SavedEntryOptions {
  readonly name: string;
  /** Absent where the checkpoint has no state of this name. */
  readonly document: StateEntryDocument | undefined;
  readonly tensors: ReadonlyMap<string, SavedTensor>;
  /** A tensor of any state, as `<state>/<tensor>`. */
  readonly elsewhere: (name: string) => SavedTensor | undefined;
  readonly migrate: RestoreOptions['migrate'];
  readonly differences: string[];
}

/** One entry of a checkpoint while it is compared with the program: hands out what fits and collects what does not. */
export class SavedEntry {
  readonly #options: SavedEntryOptions;
  readonly #taken = new Set<string>();

  constructor(options: SavedEntryOptions) {
    this.#options = options;
  }

  get document(): StateEntryDocument | undefined {
    return this.#options.document;
  }

  /** The stored tensor that fits. Undefined: the program keeps its own, or the difference has been noted. */
  take(wanted: Wanted): SavedTensor | undefined {
    const { name, tensors, elsewhere } = this.#options;
    const stored = tensors.get(wanted.name);
    this.#taken.add(wanted.name);
    if (stored !== undefined && fits(stored, wanted)) return stored;
    const answer = this.#ask(wanted);
    if (answer === 'keep-initial') return undefined;
    if (answer !== undefined) {
      this.#taken.add(answer.from);
      const other = tensors.get(answer.from) ?? elsewhere(answer.from);
      if (other !== undefined && fits(other, wanted)) return other;
      const found = other === undefined ? 'is not in the checkpoint' : `has ${describe(other)}`;
      this.differ(
        `${name}/${wanted.name} is ${describe(wanted)}; ${answer.from}, named by migrate, ${found}`,
      );
      return undefined;
    }
    const found = stored === undefined ? 'the checkpoint has no such tensor' : `${describe(stored)} there`;
    this.differ(`${name}/${wanted.name} is ${describe(wanted)} here, ${found}`);
    return undefined;
  }

  /** A tensor of the program's own making, whatever its shape: arrays inside saved values. */
  takeAny(tensor: string): SavedTensor | undefined {
    this.#taken.add(tensor);
    return this.#options.tensors.get(tensor);
  }

  /** True when the program, asked about all of something (`optimizer`, or the entry itself: ''), keeps its own. */
  keepsInitial(tensor: string): boolean {
    const answer = this.#options.migrate?.({ state: this.#options.name, tensor, shape: [], dtype: '' });
    if (answer !== 'keep-initial') return false;
    this.ignore(tensor === '' ? '' : `${tensor}/`);
    return true;
  }

  /** Tensors under this prefix are left in the checkpoint on purpose. */
  ignore(prefix: string): void {
    for (const name of this.#options.tensors.keys()) if (name.startsWith(prefix)) this.#taken.add(name);
  }

  differ(difference: string): void {
    this.#options.differences.push(difference);
  }

  /** Notes what the checkpoint has and nobody took. A program with `migrate` has said how it differs. */
  finish(): void {
    const { name, tensors, migrate } = this.#options;
    if (migrate !== undefined) return;
    for (const [tensor, stored] of tensors) {
      if (!this.#taken.has(tensor))
        this.differ(`${name}/${tensor}, ${describe(stored)} in the checkpoint, is not in the program`);
    }
  }

  #ask(wanted: Wanted): ReturnType<NonNullable<RestoreOptions['migrate']>> {
    const unmatched: Unmatched = {
      state: this.#options.name,
      tensor: wanted.name,
      shape: wanted.shape,
      dtype: tensorDtype(wanted.dtype) ?? wanted.dtype,
    };
    return this.#options.migrate?.(unmatched);
  }
}

function fits(stored: SavedTensor, wanted: Wanted): boolean {
  return stored.dtype === wanted.dtype && sameShape(stored.shape, wanted.shape);
}

function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((size, axis) => size === b[axis]);
}

/** `float32 [3, 3, 1, 8]` */
export function describe(tensor: {
  readonly dtype: SafetensorsDtype;
  readonly shape: readonly number[];
}): string {
  return `${tensorDtype(tensor.dtype) ?? tensor.dtype} [${tensor.shape.join(', ')}]`;
}
