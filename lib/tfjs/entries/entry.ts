import type { Tensor, Variable } from '@tensorflow/tfjs';
import type { StateEntryDocument } from '../../contract/trainer-document.ts';
import type { TypedArray } from '../../training/define-training.ts';
import type { LayerWeight } from '../private-fields.ts';
import type { SavedEntry } from '../saved-entry.ts';

export type StateKind = StateEntryDocument['kind'];

/** One tensor of the state as it stands: held by reference, or (an array) already copied. */
export type LiveTensor =
  | { readonly name: string; readonly tensor: Tensor }
  | { readonly name: string; readonly array: TypedArray };

export interface Capture {
  /** In the order of layers, fields and keys: the same at every step. */
  readonly tensors: readonly LiveTensor[];
  readonly document: Pick<StateEntryDocument, 'optimizer' | 'value'>;
}

/** One name of the program's `state`: what it is made of, and how a saved one is put back. */
export interface Entry {
  readonly name: string;
  readonly kind: StateKind;
  /** Weights that go by a name of their own, for naming optimizer slots. */
  readonly weights: readonly LayerWeight[];
  /** Description of a model, for people and other programs. */
  readonly topology?: Uint8Array;
  capture(): Capture;
  /** Compares only, and notes every difference; what it returns puts the state back and cannot fail for its sake. */
  plan(saved: SavedEntry): () => void;
  /** The variables that are in `state` through this entry, now. */
  variables(): readonly Variable[];
  /** What of this entry must be equal in a resume. A function of `setup`, not of training. */
  compatibility(): Readonly<Record<string, unknown>>;
}
