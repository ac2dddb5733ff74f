import type { TensorInfo } from '@tensorflow/tfjs';
import { type DepthwiseAttrs, depthwiseInfo, forEachMeeting, type Shape4D } from './depthwise.ts';
import { seenAs } from '../private-fields.ts';
import { type KernelCall, registerWasmKernel, sizeOf, zeroOutput } from './kernel.ts';

interface Inputs {
  readonly x: TensorInfo;
  readonly dy: TensorInfo;
}
type Attrs = DepthwiseAttrs & { readonly filterShape: Shape4D };

/** Gradient of a depthwise convolution with respect to its filter. Sums are formed in double precision. */
export function registerDepthwiseBackpropFilter(): void {
  registerWasmKernel<Inputs, Attrs>('DepthwiseConv2dNativeBackpropFilter', depthwiseBackpropFilter);
}

function depthwiseBackpropFilter({ inputs, attrs, backend }: KernelCall<Inputs, Attrs>): TensorInfo {
  const conv = depthwiseInfo({ x: seenAs(inputs.x.shape), filter: attrs.filterShape }, attrs);
  const out = zeroOutput(backend, attrs.filterShape, 'float32');
  const x = backend.typedArrayFromHeap(inputs.x);
  const dy = backend.typedArrayFromHeap(inputs.dy);
  const sums = new Float64Array(sizeOf(attrs.filterShape));
  const multiplier = conv.outChannels / conv.inChannels;
  forEachMeeting(conv, (at) => {
    for (let channel = 0, tap = 0; channel < conv.inChannels; channel++) {
      const pixel = x[at.x + channel] ?? 0;
      for (let copy = 0; copy < multiplier; copy++, tap++) {
        sums[at.filter + tap] = (sums[at.filter + tap] ?? 0) + pixel * (dy[at.dy + tap] ?? 0);
      }
    }
  });
  backend.typedArrayFromHeap(out).set(sums);
  return out;
}
