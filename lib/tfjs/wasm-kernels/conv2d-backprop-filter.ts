import type { backend_util, TensorInfo } from '@tensorflow/tfjs';
import { UserProgramError } from '../../base/errors.ts';
import { seenAs } from '../private-fields.ts';
import { tf } from '../tensorflow.ts';
import { type CallKernel, concatenated, registerWasmKernel, withIntermediates } from './kernel.ts';

interface Inputs {
  readonly x: TensorInfo;
  readonly dy: TensorInfo;
}
interface Attrs {
  readonly strides: number | [number, number];
  readonly pad: 'valid' | 'same' | number | backend_util.ExplicitPadding;
  readonly dataFormat: 'NHWC' | 'NCHW';
  readonly dimRoundingMode?: 'floor' | 'round' | 'ceil';
  readonly filterShape: [number, number, number, number];
}
type Conv2DInfo = backend_util.Conv2DInfo;

/** Elements of the unfolded input that are held at a time, 64 MiB: a large batch must not fill the heap. */
const unfoldedElementsMax = 16 * 1024 * 1024;

/**
 * Gradient of a 2-D convolution with respect to its filter: for each tap of the filter the input rows that it met,
 * times the gradient of the output. Taps are unfolded in groups, so that each group is one matrix product; the grouping
 * does not change the order in which a sum is formed.
 */
export function registerConv2DBackpropFilter(): void {
  registerWasmKernel<Inputs, Attrs>('Conv2DBackpropFilter', ({ inputs, attrs, backend }) => {
    const conv = convolutionOf(inputs, attrs);
    const rows = conv.batchSize * conv.outHeight * conv.outWidth;
    return withIntermediates(backend, (kernel) => {
      const padded = paddedInput(kernel, inputs.x, conv);
      const dy = kernel('Reshape', { x: inputs.dy }, { shape: [1, rows, conv.outChannels] });
      const products = tapGroups(conv, rows).map((taps) => {
        const columns = taps.map((tap) =>
          kernel(
            'Reshape',
            { x: inputOfTap({ kernel, padded, conv, tap }) },
            { shape: [rows, conv.inChannels] },
          ),
        );
        const [only] = columns;
        const unfolded =
          columns.length === 1 && only !== undefined ? only : kernel('Concat', columns, { axis: 1 });
        const a = kernel('Reshape', { x: unfolded }, { shape: [1, rows, taps.length * conv.inChannels] });
        const product = kernel('BatchMatMul', { a, b: dy }, { transposeA: true, transposeB: false });
        return kernel(
          'Reshape',
          { x: product },
          { shape: [taps.length * conv.inChannels, conv.outChannels] },
        );
      });
      return kernel('Reshape', { x: concatenated(kernel, products) }, { shape: conv.filterShape });
    });
  });
}

function convolutionOf({ x }: Inputs, attrs: Attrs): Conv2DInfo {
  if (attrs.dataFormat === 'NCHW') {
    throw new UserProgramError('the wasm backend convolves channels-last data only.', {
      hint: 'Use dataFormat channelsLast.',
    });
  }
  return tf.backend_util.computeConv2DInfo(
    seenAs(x.shape),
    attrs.filterShape,
    attrs.strides,
    1,
    attrs.pad,
    attrs.dimRoundingMode,
    false,
    'channelsLast',
  );
}

interface Tap {
  readonly row: number;
  readonly column: number;
}

function tapGroups(conv: Conv2DInfo, rows: number): readonly (readonly Tap[])[] {
  const taps = Array.from({ length: conv.filterHeight * conv.filterWidth }, (_, index) => ({
    row: Math.floor(index / conv.filterWidth),
    column: index % conv.filterWidth,
  }));
  const perGroup = Math.max(1, Math.floor(unfoldedElementsMax / Math.max(1, rows * conv.inChannels)));
  return Array.from({ length: Math.ceil(taps.length / perGroup) }, (_, group) =>
    taps.slice(group * perGroup, (group + 1) * perGroup),
  );
}

/** The input with its padding written out; also below and to the right, where a stride may leave the last taps outside. */
function paddedInput(kernel: CallKernel, x: TensorInfo, conv: Conv2DInfo): TensorInfo {
  const { top, left, bottom, right } = conv.padInfo;
  const reachedRows = (conv.outHeight - 1) * conv.strideHeight + conv.filterHeight;
  const reachedColumns = (conv.outWidth - 1) * conv.strideWidth + conv.filterWidth;
  const below = Math.max(bottom, 0, reachedRows - top - conv.inHeight);
  const after = Math.max(right, 0, reachedColumns - left - conv.inWidth);
  if (top + left + below + after === 0) return x;
  const paddings = [
    [0, 0],
    [top, below],
    [left, after],
    [0, 0],
  ];
  return kernel('PadV2', { x }, { paddings, constantValue: 0 });
}

/** The part of the input that this tap of the filter was multiplied with: one pixel for each pixel of the output. */
function inputOfTap(options: {
  readonly kernel: CallKernel;
  readonly padded: TensorInfo;
  readonly conv: Conv2DInfo;
  readonly tap: Tap;
}): TensorInfo {
  const { kernel, padded, conv, tap } = options;
  const end = [
    conv.batchSize,
    tap.row + (conv.outHeight - 1) * conv.strideHeight + 1,
    tap.column + (conv.outWidth - 1) * conv.strideWidth + 1,
    conv.inChannels,
  ];
  return kernel(
    'StridedSlice',
    { x: padded },
    {
      begin: [0, tap.row, tap.column, 0],
      end,
      strides: [1, conv.strideHeight, conv.strideWidth, 1],
      beginMask: 0,
      endMask: 0,
      ellipsisMask: 0,
      newAxisMask: 0,
      shrinkAxisMask: 0,
    },
  );
}
