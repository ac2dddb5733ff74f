import type { KernelConfig, TensorInfo } from '@tensorflow/tfjs';
import { tf } from '../tensorflow.ts';
import {
  type CallKernel,
  concatenated,
  type KernelCall,
  registerWasmKernel,
  sizeOf,
  withIntermediates,
} from './kernel.ts';
import { seenAs } from '../private-fields.ts';

interface Inputs {
  readonly a: TensorInfo;
  readonly b: TensorInfo;
}
interface Attrs {
  readonly transposeA: boolean;
  readonly transposeB: boolean;
}

/**
 * Multiply-adds per matrix from which a batch is faster as single products on the vectorised path than in the
 * backend's scalar loop (measured; below it the slicing costs more).
 */
const slicedBatchFrom = 1_048_576;

/**
 * The backend multiplies fast only one pair of untransposed matrices; transposed or batched ones take a scalar loop,
 * 10 to 20 times slower, and the gradients of every dense layer are transposed. Here operands are transposed first and
 * large batches multiplied pair by pair.
 */
export function registerBatchMatMul(): void {
  const stock = tf.getKernel('BatchMatMul', 'wasm');
  registerWasmKernel<Inputs, Attrs>('BatchMatMul', (call) => batchMatMul(call, stock), stock);
}

function batchMatMul(call: KernelCall<Inputs, Attrs>, stock: KernelConfig): TensorInfo {
  const { inputs, attrs, backend } = call;
  if (!isWorthSplitting(inputs, attrs)) return seenAs(stock.kernelFunc(seenAs(call)));
  const { a, b } = inputs;
  return withIntermediates(backend, (kernel) => {
    const left = untransposed(kernel, a, attrs.transposeA);
    const right = untransposed(kernel, b, attrs.transposeB);
    const [batch = 1, rows = 1] = left.shape;
    const columns = right.shape[2] ?? 1;
    const products = Array.from({ length: batch }, (_, index) =>
      // A single untransposed pair, which is the stock kernel's fast path.
      kernel(
        'BatchMatMul',
        { a: matrixOf(kernel, left, index), b: matrixOf(kernel, right, index) },
        { transposeA: false, transposeB: false },
      ),
    );
    const product = concatenated(kernel, products);
    return kernel('Reshape', { x: product }, { shape: [...a.shape.slice(0, -2), rows, columns] });
  });
}

function isWorthSplitting({ a, b }: Inputs, { transposeA, transposeB }: Attrs): boolean {
  const batch = sizeOf(a.shape.slice(0, -2));
  if (a.dtype !== 'float32' || b.dtype !== 'float32' || batch !== sizeOf(b.shape.slice(0, -2))) return false;
  const elements = sizeOf(a.shape);
  if (elements === 0 || sizeOf(b.shape) === 0) return false;
  if (batch === 1) return transposeA || transposeB;
  const columns = b.shape.at(transposeB ? -2 : -1) ?? 1;
  return (elements / batch) * columns >= slicedBatchFrom;
}

/** As a batch of matrices of rank 3 in plain order. */
function untransposed(kernel: CallKernel, x: TensorInfo, transposed: boolean): TensorInfo {
  const [rows = 1, columns = 1] = x.shape.slice(-2);
  const flat = kernel('Reshape', { x }, { shape: [sizeOf(x.shape.slice(0, -2)), rows, columns] });
  return transposed ? kernel('Transpose', { x: flat }, { perm: [0, 2, 1] }) : flat;
}

function matrixOf(kernel: CallKernel, x: TensorInfo, index: number): TensorInfo {
  const [batch = 1, rows = 1, columns = 1] = x.shape;
  return batch === 1 ? x : kernel('Slice', { x }, { begin: [index, 0, 0], size: [1, rows, columns] });
}
