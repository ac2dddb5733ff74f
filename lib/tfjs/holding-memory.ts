import { availableMemory } from '../base/available-memory.ts';
import type { HoldingMemory } from '../training/state.ts';
import type { TensorFlow } from './backend.ts';
import { isNativeBackend, isWasmBackend, seenAs } from './private-fields.ts';

/** The allocator fails silently at 4 GiB; what steps allocate beside tensors of the state has to fit below that too. */
const wasmHeapMax = 3.5e9;
/** The library takes nearly all of a GPU for itself and keeps some for its own work. */
const shareOfGpu = 0.9;

/**
 * Where a held snapshot makes tensors live on, and how much is left there.
 * `gpuBytes`: memory of the first GPU, where known. What a step needs on a GPU besides the state is told by nobody: it is
 * taken to be as much as the tensors that live between two steps.
 */
export function holdingMemory(tf: TensorFlow, gpuBytes: number | undefined): readonly HoldingMemory[] {
  const backend = tf.backend();
  if (isWasmBackend(backend)) {
    const heap = seenAs<{ readonly HEAPU8: Uint8Array }>(backend.wasm).HEAPU8.length;
    return [{ what: 'the WebAssembly heap', freeBytes: wasmHeapMax - heap, isKept: true }, machine(true)];
  }
  if (!isNativeBackend(backend) || !seenAs<{ readonly isUsingGpuDevice: boolean }>(backend).isUsingGpuDevice)
    return [machine(false)];
  if (gpuBytes === undefined) return [];
  const freeBytes = shareOfGpu * gpuBytes - 2 * tf.memory().numBytes;
  return [{ what: 'the memory of the GPU', freeBytes, isKept: false }];
}

function machine(isKept: boolean): HoldingMemory {
  return { what: 'the memory of this machine', freeBytes: availableMemory(), isKept };
}
