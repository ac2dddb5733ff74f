import type * as tf from '@tensorflow/tfjs';
import { defined } from '../base/assert.ts';

/**
 * One update of these variables and no others. Optimizers keep their slots by the position of a variable in this list,
 * so give the same list at every step. Returns the loss; the caller or the runtime disposes it.
 */
export function minimize(
  optimizer: tf.Optimizer,
  variables: readonly tf.Variable[],
  loss: () => tf.Scalar,
): tf.Scalar {
  return defined(optimizer.minimize(loss, true, [...variables]), 'minimize returns the cost when asked to');
}
