/** What the kernels of this folder share: they are built from the wasm backend's own kernels, on tensor infos. */
import type { KernelConfig, NamedTensorInfoMap, TensorInfo } from '@tensorflow/tfjs';
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import { assert } from '../../base/assert.ts';
import { seenAs } from '../private-fields.ts';
import { tf } from '../tensorflow.ts';
import { assertAllocated } from '../wasm-memory.ts';

type Attributes = Readonly<Record<string, unknown>>;
export interface KernelCall<Inputs, Attrs> {
  readonly inputs: Inputs;
  readonly attrs: Attrs;
  readonly backend: BackendWasm;
}
/** Calls a wasm kernel; the result lives until the kernel that asked for it returns. */
export type CallKernel = (
  name: string,
  inputs: NamedTensorInfoMap | readonly TensorInfo[],
  attrs?: Attributes,
) => TensorInfo;

/** Registers a kernel for the wasm backend in place of what stands under that name. */
export function registerWasmKernel<Inputs, Attrs>(
  name: string,
  kernel: (call: KernelCall<Inputs, Attrs>) => TensorInfo,
  replaced?: KernelConfig,
): void {
  if (replaced !== undefined) tf.unregisterKernel(name, 'wasm');
  tf.registerKernel({
    ...replaced,
    kernelName: name,
    backendName: 'wasm',
    kernelFunc: (call) => kernel(seenAs(call)),
  });
}

/** Runs `work` and gives back every intermediate tensor that it made, also when it throws. */
export function withIntermediates(backend: BackendWasm, work: (call: CallKernel) => TensorInfo): TensorInfo {
  const made: TensorInfo[] = [];
  let result: TensorInfo | undefined;
  try {
    result = work((name, inputs, attrs = {}) => {
      const info = callKernel(backend, { name, inputs, attrs });
      made.push(info);
      return info;
    });
    return result;
  } finally {
    for (const info of made) if (info !== result) backend.disposeData(info.dataId);
  }
}

/** A fresh output on the heap, filled with zeros. Views of the heap must be taken after this: growing it detaches them. */
export function zeroOutput(
  backend: BackendWasm,
  shape: readonly number[],
  dtype: 'float32' | 'int32',
): TensorInfo {
  const info = backend.makeOutput([...shape], dtype);
  assertAllocated(backend, info);
  backend.typedArrayFromHeap(info).fill(0);
  return info;
}

/** Along the first axis. */
export function concatenated(call: CallKernel, parts: readonly TensorInfo[]): TensorInfo {
  const [only] = parts;
  return parts.length === 1 && only !== undefined ? only : call('Concat', parts, { axis: 0 });
}

export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

function callKernel(
  backend: BackendWasm,
  call: {
    readonly name: string;
    readonly inputs: NamedTensorInfoMap | readonly TensorInfo[];
    readonly attrs: Attributes;
  },
): TensorInfo {
  const { kernelFunc } = tf.getKernel(call.name, 'wasm');
  const info = kernelFunc(seenAs({ inputs: call.inputs, attrs: call.attrs, backend }));
  assert(!Array.isArray(info), 'a kernel that is used as a building block gives one tensor');
  assertAllocated(backend, info);
  return info;
}
