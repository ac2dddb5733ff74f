/**
 * The wasm heap ends at 4 GiB, and the allocator reports that by the address 0, which the backend takes for a tensor's
 * place: everything after that is silently wrong. These checks turn it into an error.
 */
import type { TensorInfo } from '@tensorflow/tfjs';
import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import { UnfitError } from '../base/errors.ts';

/** @throws UnfitError when the heap had no room for this tensor */
export function assertAllocated(backend: Pick<BackendWasm, 'getMemoryOffset'>, tensor: TensorInfo): void {
  const elements = tensor.shape.reduce((product, size) => product * size, 1);
  if (elements === 0 || tensor.dtype === 'string' || backend.getMemoryOffset(tensor.dataId) !== 0) return;
  throw new UnfitError('the WebAssembly heap is full: a tensor got no memory.', {
    hint: 'The wasm backend holds 4 GiB. Use a smaller batch or model, or install @tensorflow/tfjs-node.',
    facts: { shape: `[${tensor.shape.join(', ')}]`, dtype: tensor.dtype },
  });
}
