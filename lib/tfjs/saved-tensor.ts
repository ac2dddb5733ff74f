import type { Tensor } from '@tensorflow/tfjs';
import { defined } from '../base/assert.ts';
import { placesInSafetensors, safetensorsHeadBytes, type TensorPlace } from '../contract/safetensors.ts';
import type { TypedArray } from '../training/define-training.ts';
import type { SavedFile } from '../training/state.ts';
import type { TensorFlow } from './backend.ts';
import { isWasmBackend } from './private-fields.ts';
import { arrayTypeOf, tensorDtype } from './tensor-data.ts';

/** Of the length of the header, at the beginning of a file. */
const lengthBytes = 8;

/** A tensor of a checkpoint, read from its file when its values are wanted. */
export class SavedTensor {
  readonly dtype: TensorPlace['dtype'];
  readonly shape: readonly number[];
  readonly #place: TensorPlace;
  readonly #file: SavedFile;
  readonly #scratch: Scratch;

  constructor(place: TensorPlace, from: { readonly file: SavedFile; readonly scratch: Scratch }) {
    this.dtype = place.dtype;
    this.shape = place.shape;
    this.#place = place;
    this.#file = from.file;
    this.#scratch = from.scratch;
  }

  /** Its values, in memory of their own. */
  values(): TypedArray {
    return this.#readInto(new ArrayBuffer(this.#bytes));
  }

  /**
   * Its values in memory that the next call, for any tensor of this checkpoint, overwrites: for those who copy them at
   * once. Fresh memory costs several times what the copy does.
   */
  borrowed(): TypedArray {
    return this.#readInto(this.#scratch.of(this.#bytes));
  }

  get #bytes(): number {
    return this.#place.end - this.#place.begin;
  }

  #readInto(buffer: ArrayBuffer): TypedArray {
    const { type } = arrayTypeOf(this.dtype);
    this.#file.read(new Uint8Array(buffer, 0, this.#bytes), this.#place.begin);
    return new type(buffer, 0, this.#bytes / type.BYTES_PER_ELEMENT);
  }
}

/** A new tensor; the caller disposes it. */
export function tensorOf(tf: TensorFlow, saved: SavedTensor): Tensor {
  const dtype = defined(tensorDtype(saved.dtype), 'only types of tensors are taken for tensors');
  // That of WebAssembly copies what it is given onto its heap at once; the others keep the very array.
  const values = isWasmBackend(tf.backend()) ? saved.borrowed() : saved.values();
  return tf.tensor(values, [...saved.shape], dtype);
}

/** Memory that is used again for one tensor after the other; it is as large as the largest of them. */
export class Scratch {
  #buffer = new ArrayBuffer(0);

  of(bytes: number): ArrayBuffer {
    if (this.#buffer.byteLength < bytes) this.#buffer = new ArrayBuffer(bytes);
    return this.#buffer;
  }
}

/**
 * The tensors of a safetensors file, by name, after checking that all of it is theirs.
 * @throws CorruptionError naming the file and the fault
 */
export function savedTensors(
  file: SavedFile,
  options: { readonly at: string; readonly scratch: Scratch },
): ReadonlyMap<string, SavedTensor> {
  const { at, scratch } = options;
  const places = placesInSafetensors({ head: headOf(file, at), bytes: file.bytes }, at);
  return new Map(Array.from(places, ([name, place]) => [name, new SavedTensor(place, { file, scratch })]));
}

/** The header says in its first bytes how long it is. */
function headOf(file: SavedFile, at: string): Uint8Array {
  const beginning = new Uint8Array(Math.min(file.bytes, lengthBytes));
  file.read(beginning, 0);
  const head = new Uint8Array(safetensorsHeadBytes({ head: beginning, bytes: file.bytes }, at));
  file.read(head, 0);
  return head;
}
