import type { TensorInfo } from '@tensorflow/tfjs';
import { type DepthwiseAttrs, depthwiseInfo, forEachMeeting, type Shape4D } from './depthwise.ts';
import { seenAs } from '../private-fields.ts';
import { type KernelCall, registerWasmKernel, zeroOutput } from './kernel.ts';

interface Inputs {
  readonly dy: TensorInfo;
  readonly filter: TensorInfo;
}
type Attrs = DepthwiseAttrs & { readonly inputShape: Shape4D };

/** Gradient of a depthwise convolution with respect to its input. */
export function registerDepthwiseBackpropInput(): void {
  registerWasmKernel<Inputs, Attrs>('DepthwiseConv2dNativeBackpropInput', depthwiseBackpropInput);
}

function depthwiseBackpropInput({ inputs, attrs, backend }: KernelCall<Inputs, Attrs>): TensorInfo {
  const conv = depthwiseInfo({ x: attrs.inputShape, filter: seenAs(inputs.filter.shape) }, attrs);
  const out = zeroOutput(backend, attrs.inputShape, 'float32');
  const dx = backend.typedArrayFromHeap(out);
  const dy = backend.typedArrayFromHeap(inputs.dy);
  const filter = backend.typedArrayFromHeap(inputs.filter);
  const multiplier = conv.outChannels / conv.inChannels;
  forEachMeeting(conv, (at) => {
    for (let channel = 0, weight = 0; channel < conv.inChannels; channel++) {
      let sum = 0;
      for (let copy = 0; copy < multiplier; copy++, weight++) {
        sum += (dy[at.dy + weight] ?? 0) * (filter[at.filter + weight] ?? 0);
      }
      dx[at.x + channel] = (dx[at.x + channel] ?? 0) + sum;
    }
  });
  return out;
}
