import { HoldfastError } from '../base/errors.ts';

/** The loss of a step is NaN or infinite. Nothing of that step was saved, and no retry can help. */
export class NonFiniteLossError extends HoldfastError {
  override readonly name = 'NonFiniteLossError';
  readonly code = 'NON_FINITE_LOSS';
  readonly remedy = 'reject';

  constructor(loss: number, step: number) {
    super(`the loss of step ${step} is ${loss}.`, {
      hint: 'Go on from the last checkpoint with a lower learning rate, gradient clipping or repaired data.',
    });
  }
}
