import type * as tfjs from '@tensorflow/tfjs';
import { UserProgramError } from '../base/errors.ts';
import { seenAs } from './private-fields.ts';
import { tf } from './tensorflow.ts';

interface Sums {
  readonly loss: tfjs.Tensor;
  /** In the order of the variables; null while no part's loss depended on one. */
  readonly gradients: readonly (tfjs.Tensor | null)[];
}

/**
 * One update from the mean gradient of several parts: batches larger than memory. `parts` must be of equal size.
 * Returns the mean loss; the caller or the runtime disposes it.
 * @throws UserProgramError when there are no parts
 */
// The signature is the public one, settled for users.
// oxlint-disable-next-line max-params
export function minimizeAccumulated<Part>(
  optimizer: tfjs.Optimizer,
  variables: readonly tfjs.Variable[],
  parts: Iterable<Part>,
  loss: (part: Part) => tfjs.Scalar,
): tfjs.Scalar {
  return tf.tidy(() => {
    let sums: Sums | undefined;
    let count = 0;
    for (const part of parts) {
      sums = added(sums, { variables, loss: () => loss(part) });
      count++;
    }
    if (sums === undefined) throw new UserProgramError('minimizeAccumulated was given no parts.');
    // A list with a place for each variable, as `minimize` passes it: optimizers keep slots by position.
    const means = variables.map(({ name }, index) => ({
      name,
      tensor: sums.gradients[index]?.div(count) ?? null,
    }));
    optimizer.applyGradients(seenAs(means));
    return sums.loss.div(count).asScalar();
  });
}

function added(
  before: Sums | undefined,
  options: { readonly variables: readonly tfjs.Variable[]; readonly loss: () => tfjs.Scalar },
): Sums {
  const { variables, loss } = options;
  const flat = tf.tidy(() => {
    const { value, grads } = tf.variableGrads(loss, [...variables]);
    const gradients = variables.map(({ name }, index) => {
      const gradient: tfjs.Tensor | undefined = grads[name];
      const sum = before?.gradients[index] ?? null;
      return gradient === undefined ? (sum?.clone() ?? null) : sum === null ? gradient : sum.add(gradient);
    });
    // Tidying looks past null, which its types do not say.
    return seenAs<tfjs.Tensor[]>([before === undefined ? value : before.loss.add(value), ...gradients]);
  });
  if (before !== undefined) {
    before.loss.dispose();
    for (const gradient of before.gradients) gradient?.dispose();
  }
  const [total, ...gradients] = flat;
  return { loss: seenAs(total), gradients };
}
