import * as tf from '@tensorflow/tfjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { openBackend } from '../../../../lib/tfjs/backend.ts';
import { seenAs } from '../../../../lib/tfjs/private-fields.ts';

beforeAll(async () => {
  await openBackend('wasm');
});

type Shape4D = [number, number, number, number];
type Gradients = readonly (readonly number[])[];

/** Values that depend on place only, with both signs, so that an exchanged index cannot cancel out. */
function values(shape: readonly number[], seed: number): Float32Array {
  const size = shape.reduce((product, length) => product * length, 1);
  return Float32Array.from({ length: size }, (_, index) => Math.sin(index * 1.7 + seed) + 0.1 * seed);
}

async function on(backend: 'cpu' | 'wasm', gradients: () => tf.Tensor[]): Promise<Gradients> {
  await tf.setBackend(backend);
  const before = { ...tf.memory(), data: tf.backend().numDataIds() };
  const tensors = gradients();
  const read = tensors.map((tensor) => Array.from(tensor.dataSync()));
  tf.dispose(tensors);
  expect(tf.memory().numTensors).toBe(before.numTensors);
  expect(tf.memory().numBytes).toBe(before.numBytes);
  expect(tf.backend().numDataIds()).toBe(before.data);
  return read;
}

async function expectAgreement(gradients: () => tf.Tensor[]): Promise<void> {
  const cpu = await on('cpu', gradients);
  const wasm = await on('wasm', gradients);
  const again = await on('wasm', gradients);
  expect(again).toEqual(wasm);
  expect(wasm.length).toBe(cpu.length);
  for (const [index, expected] of cpu.entries()) {
    const scale = Math.max(1, ...expected.map(Math.abs));
    const actual = wasm[index] ?? [];
    expect(actual.length).toBe(expected.length);
    const worst = Math.max(
      ...expected.map((value, i) => Math.abs(value - (actual[i] ?? Number.NaN)) / scale),
    );
    expect(worst).toBeLessThan(1e-5);
    expect(expected.some((value) => value !== 0)).toBe(true);
  }
}

/** Gradients of a weighted sum with respect to each input, so that `dy` is not constant. */
function gradientsOf(
  inputs: readonly tf.Tensor[],
  output: (...inputs: tf.Tensor[]) => tf.Tensor,
): tf.Tensor[] {
  return tf.tidy(() => tf.grads((...given: tf.Tensor[]) => weightedSum(output(...given)))([...inputs]));
}

function weightedSum(out: tf.Tensor): tf.Tensor {
  return out.mul(tf.tensor(values(out.shape, 5), out.shape)).sum();
}

describe('gradients on wasm', () => {
  const convolutions: readonly {
    x: Shape4D;
    filter: Shape4D;
    strides: number | [number, number];
    pad: 'same' | 'valid' | number;
  }[] = [
    { x: [2, 5, 6, 3], filter: [3, 3, 3, 4], strides: 1, pad: 'same' },
    { x: [2, 7, 6, 1], filter: [3, 2, 1, 5], strides: 1, pad: 'valid' },
    { x: [1, 8, 9, 2], filter: [3, 3, 2, 3], strides: 2, pad: 'same' },
    { x: [3, 9, 8, 2], filter: [2, 4, 2, 1], strides: [3, 2], pad: 'valid' },
    { x: [2, 6, 6, 4], filter: [1, 1, 4, 7], strides: 1, pad: 'same' },
    { x: [1, 5, 5, 2], filter: [3, 3, 2, 2], strides: 2, pad: 1 },
    { x: [1, 1, 12, 2], filter: [1, 5, 2, 3], strides: [1, 2], pad: 'same' },
  ];
  it.each(convolutions)(
    'agree with cpu for a convolution of $x with $filter, strides $strides, pad $pad',
    (shape) =>
      expectAgreement(() =>
        tf.tidy(() =>
          gradientsOf(
            [tf.tensor4d(values(shape.x, 1), shape.x), tf.tensor4d(values(shape.filter, 2), shape.filter)],
            (x, filter) => tf.conv2d<tf.Tensor4D>(seenAs(x), seenAs(filter), shape.strides, shape.pad),
          ),
        ),
      ),
  );

  it.each(convolutions.map((shape, index) => ({ ...shape, multiplier: 1 + (index % 3) })))(
    'agree with cpu for a depthwise convolution of $x, strides $strides, pad $pad, multiplier $multiplier',
    ({ x, filter: [height, width], strides, pad, multiplier }) =>
      expectAgreement(() =>
        tf.tidy(() => {
          const filter: Shape4D = [height, width, x[3], multiplier];
          return gradientsOf(
            [tf.tensor4d(values(x, 1), x), tf.tensor4d(values(filter, 2), filter)],
            (image, weights) => tf.depthwiseConv2d<tf.Tensor4D>(seenAs(image), seenAs(weights), strides, pad),
          );
        }),
      ),
  );

  const products: readonly { a: number[]; b: number[]; transposeA: boolean; transposeB: boolean }[] = [
    { a: [5, 7], b: [7, 4], transposeA: false, transposeB: false },
    { a: [7, 5], b: [7, 4], transposeA: true, transposeB: false },
    { a: [5, 7], b: [4, 7], transposeA: false, transposeB: true },
    { a: [7, 5], b: [4, 7], transposeA: true, transposeB: true },
    { a: [3, 5, 7], b: [3, 4, 7], transposeA: false, transposeB: true },
    { a: [2, 3, 7, 5], b: [2, 3, 7, 4], transposeA: true, transposeB: false },
    { a: [2, 96, 110], b: [2, 110, 100], transposeA: false, transposeB: false },
    { a: [2, 110, 96], b: [2, 100, 110], transposeA: true, transposeB: true },
    { a: [1, 6, 5], b: [1, 6, 4], transposeA: true, transposeB: false },
  ];
  it.each(products)(
    'agree with cpu for the product of $a and $b, transposed $transposeA and $transposeB',
    ({ a, b, transposeA, transposeB }) =>
      expectAgreement(() =>
        tf.tidy(() =>
          gradientsOf([tf.tensor(values(a, 1), a), tf.tensor(values(b, 2), b)], (left, right) =>
            tf.matMul(left, right, transposeA, transposeB),
          ),
        ),
      ),
  );

  it.each([
    { indices: [3, 0, 3, 1], shape: [5, 4] },
    { indices: [2, 2, 2], shape: [3, 2, 3] },
  ])('agree with cpu for gathering rows $indices of $shape', ({ indices, shape }) =>
    expectAgreement(() =>
      tf.tidy(() =>
        gradientsOf([tf.tensor(values(shape, 1), shape)], (x) => tf.gather(x, tf.tensor1d(indices, 'int32'))),
      ),
    ),
  );

  it('drop segments that are out of range', async () => {
    await tf.setBackend('wasm');
    const sums = tf.tidy(() =>
      Array.from(
        tf
          .unsortedSegmentSum(tf.tensor2d([1, 2, 3, 4, 5, 6], [3, 2]), tf.tensor1d([1, -1, 7], 'int32'), 3)
          .dataSync(),
      ),
    );
    expect(sums).toEqual([0, 0, 1, 2, 0, 0]);
  });

  it('refuse channels-first convolutions by name', async () => {
    await tf.setBackend('wasm');
    expect(() =>
      tf.tidy(() =>
        tf
          .engine()
          .runKernel(
            'Conv2DBackpropFilter',
            { x: tf.ones([1, 1, 3, 3]), dy: tf.ones([1, 1, 3, 3]) },
            { strides: 1, pad: 'same', dataFormat: 'NCHW', filterShape: [1, 1, 1, 1] },
          ),
      ),
    ).toThrow(/channels-last data only/);
  });
});
