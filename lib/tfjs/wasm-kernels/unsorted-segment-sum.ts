import type { TensorInfo } from '@tensorflow/tfjs';
import { type KernelCall, registerWasmKernel, sizeOf, zeroOutput } from './kernel.ts';

interface Inputs {
  readonly x: TensorInfo;
  readonly segmentIds: TensorInfo;
}

/** Sums rows of `x` by segment, in the order of the rows: the gradient of `gather` and of embeddings. Ids out of range are dropped. */
export function registerUnsortedSegmentSum(): void {
  registerWasmKernel<Inputs, { readonly numSegments: number }>('UnsortedSegmentSum', unsortedSegmentSum);
}

function unsortedSegmentSum(call: KernelCall<Inputs, { readonly numSegments: number }>): TensorInfo {
  const { inputs, attrs, backend } = call;
  const { x, segmentIds } = inputs;
  const rowShape = x.shape.slice(segmentIds.shape.length);
  const dtype = x.dtype === 'int32' ? 'int32' : 'float32';
  const out = zeroOutput(backend, [attrs.numSegments, ...rowShape], dtype);
  const rowSize = sizeOf(rowShape);
  const sums = backend.typedArrayFromHeap(out);
  const rows = backend.typedArrayFromHeap(x);
  const ids = backend.typedArrayFromHeap(segmentIds);
  for (let row = 0; row < ids.length; row++) {
    const segment = ids[row] ?? -1;
    if (segment < 0 || segment >= attrs.numSegments) continue;
    const to = segment * rowSize;
    const from = row * rowSize;
    for (let i = 0; i < rowSize; i++) sums[to + i] = (sums[to + i] ?? 0) + (rows[from + i] ?? 0);
  }
  return out;
}
