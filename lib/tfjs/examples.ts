import type * as tf from '@tensorflow/tfjs';

/** Inputs or targets: one tensor, several, or named ones. The first dimension counts examples. */
export type Tensors = tf.Tensor | tf.Tensor[] | { [name: string]: tf.Tensor };

export interface Examples {
  readonly xs: Tensors;
  readonly ys: Tensors;
}

export function isTensor(value: Tensors): value is tf.Tensor {
  return 'dataId' in value && 'shape' in value;
}
