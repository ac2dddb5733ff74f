/** Between tensors of TensorFlow.js, typed arrays, and the types of the safetensors format. */
import type { Tensor } from '@tensorflow/tfjs';
import { assert, defined } from '../base/assert.ts';
import { UserProgramError } from '../base/errors.ts';
import type { TypedArray } from '../training/define-training.ts';
import type { TensorFlow } from './backend.ts';
import type { SafetensorsDtype, StoredTensor } from '../contract/safetensors.ts';

export type TensorDtype = 'float32' | 'int32' | 'bool';

const ofTensor: Readonly<Record<TensorDtype, SafetensorsDtype>> = {
  float32: 'F32',
  int32: 'I32',
  bool: 'BOOL',
};

interface ArrayType {
  readonly dtype: SafetensorsDtype;
  readonly type: new (buffer: ArrayBuffer | ArrayLike<number>) => TypedArray;
}
const arrayTypes: readonly ArrayType[] = [
  { dtype: 'F32', type: Float32Array },
  { dtype: 'F64', type: Float64Array },
  { dtype: 'I8', type: Int8Array },
  { dtype: 'U8', type: Uint8Array },
  { dtype: 'I16', type: Int16Array },
  { dtype: 'U16', type: Uint16Array },
  { dtype: 'I32', type: Int32Array },
  { dtype: 'U32', type: Uint32Array },
  { dtype: 'BOOL', type: Uint8Array },
];

/** @throws UserProgramError for types that cannot be stored: string and complex64 */
export function storedDtype(dtype: string, what: string): SafetensorsDtype {
  if (dtype === 'float32' || dtype === 'int32' || dtype === 'bool') return ofTensor[dtype];
  throw new UserProgramError(`${what} is a tensor of type ${dtype}, which cannot be saved.`, {
    hint: 'Keep it as float32, int32 or bool; strings fit into a plain object.',
  });
}

export function tensorDtype(dtype: SafetensorsDtype): TensorDtype | undefined {
  if (dtype === 'F32') return 'float32';
  if (dtype === 'I32') return 'int32';
  return dtype === 'BOOL' ? 'bool' : undefined;
}

export function arrayDtype(array: TypedArray): SafetensorsDtype {
  const found = arrayTypes.find(({ type }) => array.constructor === type);
  return defined(found, 'a typed array of a known type').dtype;
}

/** A typed array of its own memory: what was read from a file is aligned and outlives the file. */
export function arrayOf(stored: StoredTensor): TypedArray {
  const found = arrayTypes.find(({ dtype }) => dtype === stored.dtype);
  assert(found !== undefined, 'only types with a typed array are taken', { dtype: stored.dtype });
  return new found.type(Uint8Array.from(stored.data).buffer);
}

export function isArrayDtype(dtype: SafetensorsDtype): boolean {
  return arrayTypes.some((type) => type.dtype === dtype);
}

/** A new tensor; the caller disposes it. */
export function tensorOf(tf: TensorFlow, stored: StoredTensor): Tensor {
  const dtype = defined(tensorDtype(stored.dtype), 'only types of tensors are taken for tensors');
  return tf.tensor(arrayOf(stored), [...stored.shape], dtype);
}

/** The bytes of an array whose type may be wider or narrower than the tensor's says: the cpu backend does not check. */
export function bytesOf(values: ArrayLike<number>, dtype: SafetensorsDtype): Uint8Array {
  const found = defined(
    arrayTypes.find((type) => type.dtype === dtype),
    'a type with a typed array',
  );
  const array =
    ArrayBuffer.isView(values) && values.constructor === found.type ? values : new found.type(values);
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}
