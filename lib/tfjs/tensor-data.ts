/** Between tensors of TensorFlow.js, typed arrays, and the types of the safetensors format. */
import { defined } from '../base/assert.ts';
import { UserProgramError } from '../base/errors.ts';
import type { TypedArray } from '../training/define-training.ts';
import type { SafetensorsDtype } from '../contract/safetensors.ts';

export type TensorDtype = 'float32' | 'int32' | 'bool';

const ofTensor: Readonly<Record<TensorDtype, SafetensorsDtype>> = {
  float32: 'F32',
  int32: 'I32',
  bool: 'BOOL',
};

interface ArrayType {
  readonly dtype: SafetensorsDtype;
  readonly type: {
    readonly BYTES_PER_ELEMENT: number;
    new (buffer: ArrayBuffer | ArrayLike<number>): TypedArray;
  };
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

/** For the types that `isArrayDtype` knows. */
export function arrayTypeOf(dtype: SafetensorsDtype): ArrayType {
  const found = arrayTypes.find((one) => one.dtype === dtype);
  return defined(found, 'only types with a typed array are taken');
}

export function isArrayDtype(dtype: SafetensorsDtype): boolean {
  return arrayTypes.some((type) => type.dtype === dtype);
}

/** The bytes of an array whose type may be wider or narrower than the tensor's says: the cpu backend does not check. */
export function bytesOf(values: ArrayLike<number>, dtype: SafetensorsDtype): Uint8Array {
  const { type } = arrayTypeOf(dtype);
  const array = ArrayBuffer.isView(values) && values.constructor === type ? values : new type(values);
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}
