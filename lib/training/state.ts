/**
 * What the training loop needs from a framework: hold the state at one instant, put a saved one back, and find what the
 * program forgot to register. `lib/tfjs` implements it.
 */
import type { StateEntryDocument } from '../contract/trainer-document.ts';
import type { Unmatched } from './define-training.ts';

/** One file of a held snapshot, as pieces in file order. */
export interface HeldFile {
  readonly path: string;
  readonly bytes: number;
  readonly pieces: readonly HeldPiece[];
}

export interface HeldPiece {
  readonly bytes: number;
  /** The bytes of the instant that was held. May be called at any time until `release`; the result stays valid until then. */
  read(): Uint8Array;
  /**
   * The same without a copy, where that is possible. The view is valid only until the caller next waits for anything,
   * since memory that grows detaches it: submit its write in the same turn, and write again what was detached when the
   * write ended.
   */
  view?(): Uint8Array;
}

/** State of one instant. Training may go on; what is held does not change. */
export interface HeldState {
  readonly entries: Readonly<Record<string, StateEntryDocument>>;
  readonly files: readonly HeldFile[];
  /** Gives the held memory back. Idempotent. */
  release(): void;
}

export interface SavedState {
  readonly entries: Readonly<Record<string, StateEntryDocument>>;
  /** States that whoever saved left out on purpose. */
  readonly omitted?: readonly string[] | undefined;
  /** One file of the checkpoint; it was verified before. */
  file(path: string): SavedFile;
}

/** A file of a checkpoint, read where it is wanted: a state of gigabytes is in memory once then, not twice. */
export interface SavedFile {
  readonly bytes: number;
  /** Fills `target` with what begins at `offset`; it lies within the file. */
  read(target: Uint8Array, offset: number): void;
}

/** All of a file, for those that are small. */
export function wholeFile(file: SavedFile): Uint8Array {
  const bytes = new Uint8Array(file.bytes);
  file.read(bytes, 0);
  return bytes;
}

export interface RestoreOptions {
  /** A fork or changed program may answer for what does not match. */
  readonly migrate?: (wanted: Unmatched) => { readonly from: string } | 'keep-initial' | undefined;
  /** Takes a line for people: what was not restored although everything fits. */
  readonly say?: (line: string) => void;
}

/** Memory in which what is held lives on while training makes new tensors. */
export interface HoldingMemory {
  /** For people: `the WebAssembly heap`. */
  readonly what: string;
  /** Bytes that can still be allocated. */
  readonly freeBytes: number;
  /** It never shrinks: what it grew by for one held snapshot serves the next. */
  readonly isKept: boolean;
}

export interface TrainingState {
  /** Names that are in no snapshot, as the job wishes: a resume begins with what `setup` makes of them. */
  readonly omitted: readonly string[];
  /** Constant time per tensor. */
  hold(): HeldState;
  /**
   * Puts a saved state back, after checking all of it: nothing is assigned when anything differs.
   * @throws IncompatibleError that lists every difference
   */
  restore(saved: SavedState, options?: RestoreOptions): void;
  /**
   * Variables outside `state` whose data changed since the last call (the first call, after `setup`, takes the base line).
   * Names and shapes, for people: `counter [3]`.
   */
  forgotten(): readonly string[];
  /** What is left of the memory that a held snapshot takes from, as far as it can be known. */
  memory(): readonly HoldingMemory[];
  /** What must fit for a resume: names, kinds, shapes, dtypes, optimizer classes and slots. Plain JSON. */
  compatibility(): Readonly<Record<string, unknown>>;
}
