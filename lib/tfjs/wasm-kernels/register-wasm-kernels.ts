import { registerBatchMatMul } from './batch-mat-mul.ts';
import { registerConv2DBackpropFilter } from './conv2d-backprop-filter.ts';
import { registerDepthwiseBackpropFilter } from './depthwise-backprop-filter.ts';
import { registerDepthwiseBackpropInput } from './depthwise-backprop-input.ts';
import { registerUnsortedSegmentSum } from './unsorted-segment-sum.ts';

let registered = false;

/**
 * Adds what the wasm backend lacks for training: the gradients of convolutions and embeddings, and a fast product of
 * transposed matrices. Once a process; the backend package must be loaded.
 */
export function registerWasmKernels(): void {
  if (registered) return;
  registered = true;
  registerBatchMatMul();
  registerConv2DBackpropFilter();
  registerUnsortedSegmentSum();
  registerDepthwiseBackpropFilter();
  registerDepthwiseBackpropInput();
}
