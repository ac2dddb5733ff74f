import type { Tensor } from '@tensorflow/tfjs';
import { defined } from '../base/assert.ts';
import { placesInSafetensors, safetensorsHeadBytes, type TensorPlace } from '../contract/safetensors.ts';
import type { TypedArray } from '../training/define-training.ts';
import type { SavedFile } from '../training/state.ts';
import type { TensorFlow } from './backend.ts';
import { isWasmBackend } from './private-fields.ts';
import { arrayTypeOf, tensorDtype } from './tensor-data.ts';
import { assertAllocated } from './wasm-memory.ts';

/** Of the length of the header, at the beginning of a file. */
const lengthBytes = 8;

/** A tensor of a checkpoint, read from its file when its values are wanted. */
export class SavedTensor {
  readonly dtype: TensorPlace['dtype'];
  readonly shape: readonly number[];
  readonly bytes: number;
  readonly #file: SavedFile;
  readonly #offset: number;

  constructor(file: SavedFile, { dtype, shape, begin, end }: TensorPlace) {
    this.dtype = dtype;
    this.shape = shape;
    this.bytes = end - begin;
    this.#file = file;
    this.#offset = begin;
  }

  /** Fills `target`, which is as long as the tensor. */
  read(target: Uint8Array): void {
    this.#file.read(target, this.#offset);
  }

  /** In memory of its own. */
  values(): TypedArray {
    const buffer = new ArrayBuffer(this.bytes);
    this.read(new Uint8Array(buffer));
    return new (arrayTypeOf(this.dtype).type)(buffer);
  }
}

/**
 * The tensors of a safetensors file, by name, after checking that all of it is theirs.
 * @throws CorruptionError naming the file and the fault
 */
export function savedTensors(file: SavedFile, at: string): ReadonlyMap<string, SavedTensor> {
  const places = placesInSafetensors({ head: headOf(file, at), bytes: file.bytes }, at);
  return new Map(Array.from(places, ([name, place]) => [name, new SavedTensor(file, place)]));
}

/** A new tensor; the caller disposes it. */
export function tensorOf(tf: TensorFlow, saved: SavedTensor): Tensor {
  const dtype = defined(tensorDtype(saved.dtype), 'only types of tensors are taken for tensors');
  const shape = [...saved.shape];
  const backend = tf.backend();
  if (!isWasmBackend(backend) || saved.bytes === 0) return tf.tensor(saved.values(), shape, dtype);
  // Read right onto the heap: an array on the way would be one more pass over memory, and fresh memory is slow.
  const info = backend.makeOutput(shape, dtype);
  assertAllocated(backend, info);
  const { buffer, byteOffset } = backend.typedArrayFromHeap(info);
  saved.read(new Uint8Array(buffer, byteOffset, saved.bytes));
  return tf.engine().makeTensorFromTensorInfo(info, backend);
}

/** The header says in its first bytes how long it is. */
function headOf(file: SavedFile, at: string): Uint8Array {
  const beginning = new Uint8Array(Math.min(file.bytes, lengthBytes));
  file.read(beginning, 0);
  const head = new Uint8Array(safetensorsHeadBytes({ head: beginning, bytes: file.bytes }, at));
  file.read(head, 0);
  return head;
}
