/** Geometry that the two gradients of a depthwise convolution share. */
import type { backend_util } from '@tensorflow/tfjs';
import { tf } from '../tensorflow.ts';

export interface DepthwiseAttrs {
  readonly strides: number | [number, number];
  readonly dilations: number | [number, number];
  readonly pad: 'valid' | 'same' | number | backend_util.ExplicitPadding;
  readonly dimRoundingMode?: 'floor' | 'round' | 'ceil';
}
export type Shape4D = [number, number, number, number];
export interface TapMeeting {
  /** Offsets of the first channel, in elements. */
  readonly x: number;
  readonly dy: number;
  readonly filter: number;
}

export function depthwiseInfo(
  shapes: { readonly x: Shape4D; readonly filter: Shape4D },
  attrs: DepthwiseAttrs,
): backend_util.Conv2DInfo {
  const { strides, dilations, pad, dimRoundingMode } = attrs;
  return tf.backend_util.computeConv2DInfo(
    shapes.x,
    shapes.filter,
    strides,
    dilations,
    pad,
    dimRoundingMode,
    true,
  );
}

/** Visits, always in the same order, each pixel of the output with each tap of the filter that met a pixel of the input. */
export function forEachMeeting(conv: backend_util.Conv2DInfo, visit: (at: TapMeeting) => void): void {
  const { inHeight, inWidth, inChannels, outHeight, outWidth, outChannels, filterHeight, filterWidth } = conv;
  const { top, left } = conv.padInfo;
  for (let image = 0; image < conv.batchSize; image++) {
    for (let row = 0; row < outHeight; row++) {
      for (let column = 0; column < outWidth; column++) {
        const dy = ((image * outHeight + row) * outWidth + column) * outChannels;
        for (let tapRow = 0; tapRow < filterHeight; tapRow++) {
          const inRow = row * conv.strideHeight + tapRow * conv.dilationHeight - top;
          if (inRow < 0 || inRow >= inHeight) continue;
          for (let tapColumn = 0; tapColumn < filterWidth; tapColumn++) {
            const inColumn = column * conv.strideWidth + tapColumn * conv.dilationWidth - left;
            if (inColumn < 0 || inColumn >= inWidth) continue;
            const x = ((image * inHeight + inRow) * inWidth + inColumn) * inChannels;
            visit({ x, dy, filter: (tapRow * filterWidth + tapColumn) * outChannels });
          }
        }
      }
    }
  }
}
