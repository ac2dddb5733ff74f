import { closeSync, openSync, readSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs';

const pixels = 28 * 28;

export interface Digits {
  /** [n, 28, 28, 1], 0 to 1. */
  readonly xs: tf.Tensor4D;
  /** [n, 10], one-hot. */
  readonly ys: tf.Tensor2D;
}

/** Reads the first `train` records of a digits file (`scripts/make-digits.mjs` tells its format), and the `test` records after them. */
export function readDigits(
  path: string | undefined,
  count: { readonly train: number; readonly test: number },
): { train: Digits; test: Digits } {
  if (path === undefined) throw new Error('the program has no input `digits`');
  const bytes = new Uint8Array((count.train + count.test) * (1 + pixels));
  const file = openSync(path, 'r');
  try {
    if (readSync(file, bytes, 0, bytes.length, 0) < bytes.length)
      throw new Error(`${path} has fewer than ${count.train + count.test} digits`);
  } finally {
    closeSync(file);
  }
  return { train: digits(bytes, 0, count.train), test: digits(bytes, count.train, count.test) };
}

function digits(bytes: Uint8Array, first: number, count: number): Digits {
  const xs = new Float32Array(count * pixels);
  const ys = new Float32Array(count * 10);
  for (let i = 0; i < count; i++) {
    const at = (first + i) * (1 + pixels);
    ys[i * 10 + bytes[at]!] = 1;
    for (let k = 0; k < pixels; k++) xs[i * pixels + k] = bytes[at + 1 + k]! / 255;
  }
  return { xs: tf.tensor4d(xs, [count, 28, 28, 1]), ys: tf.tensor2d(ys, [count, 10]) };
}
