import type * as tfjs from '@tensorflow/tfjs';
import { UserProgramError } from '../base/errors.ts';
import type { Data } from '../training/define-training.ts';
import { type Examples, isTensor, type Tensors } from './examples.ts';
import { tf } from './tensorflow.ts';

export interface InMemoryOptions extends Examples {
  readonly batchSize: number;
  readonly shuffle?: boolean;
  readonly lastBatch?: 'keep' | 'drop';
}

/**
 * A data set that fits in memory: tensors (one, several or named) whose first dimension counts examples.
 * @throws UserProgramError when the tensors do not have the same number of examples
 */
export function inMemory(options: InMemoryOptions): Data<Examples> {
  const { xs, ys, ...rest } = options;
  const counts = new Set([...listOf(xs), ...listOf(ys)].map(({ shape }) => shape[0] ?? 0));
  const [examples = 0] = counts;
  if (counts.size !== 1) {
    throw new UserProgramError(
      `inMemory needs tensors of equally many examples; these have ${[...counts].join(', ') || 'none'}.`,
    );
  }
  return {
    ...rest,
    examples,
    load: (indices) =>
      tf.tidy(() => {
        const chosen = tf.tensor1d(Int32Array.from(indices), 'int32');
        return { xs: rows(xs, chosen), ys: rows(ys, chosen) };
      }),
  };
}

function listOf(tensors: Tensors): readonly tfjs.Tensor[] {
  return isTensor(tensors) ? [tensors] : Object.values(tensors);
}

function rows(tensors: Tensors, indices: tfjs.Tensor1D): Tensors {
  if (isTensor(tensors)) return tensors.gather(indices);
  if (Array.isArray(tensors)) return tensors.map((tensor) => tensor.gather(indices));
  return Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, tensor.gather(indices)]));
}
