import type * as tfjs from '@tensorflow/tfjs';
import { tf } from './tensorflow.ts';

export interface MovingAverage {
  /** Belongs into `state`. */
  readonly shadow: readonly tfjs.Variable[];
  /** Call it after each step: shadow = decay × shadow + (1 − decay) × variable. */
  update(): void;
}

/**
 * An exponential moving average of variables (Polyak and Juditsky, 1992): `shadow` belongs into `state`; call `update`
 * after each step.
 * @param decay how much of the average stays at each update, in [0, 1]
 */
export function movingAverage(variables: readonly tfjs.Variable[], decay: number): MovingAverage {
  const pairs = variables.map((variable) => ({
    variable,
    shadow: tf.variable(variable, false, `${variable.name}/ema`),
  }));
  return {
    shadow: pairs.map(({ shadow }) => shadow),
    update: () => {
      tf.tidy(() => {
        for (const { variable, shadow } of pairs)
          shadow.assign(shadow.mul(decay).add(variable.mul(1 - decay)));
      });
    },
  };
}
