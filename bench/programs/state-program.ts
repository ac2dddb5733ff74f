/** A program with a state of a wished size, whose steps cost what its parameters say. */
import { rmSync, existsSync, writeFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs';
import { defineTraining } from 'holdfast/training';
import { systemClock } from '../../lib/base/clock.ts';
import { noise } from '../harness/noise.ts';

/** Never reached. */
const stepsMax = 1_000_000_000;
/** As many as fit into hours of short steps. */
const timesMax = 4_000_000;

export default defineTraining({
  params: {
    megabytes: 16,
    tensors: 16,
    /** While this file is there the next step changes every tensor, and removes it. */
    flag: '',
    /** Steps wait this long for something that is not this process, as for a GPU. */
    waitMs: 2,
    /** Steps multiply square matrices of this many rows, so that they compute for a while. 0: none. */
    rows: 0,
    /** Where the end writes when each step began and ended: pairs of float64, wall-clock ms. */
    times: '',
  },
  setup({ params, resuming }) {
    const length = Math.floor((params.megabytes * 1024 * 1024) / 4 / params.tensors);
    // What a variable is made from would otherwise live on beside it, and be a second copy of the state.
    const variables = tf.tidy(() =>
      Array.from({ length: params.tensors }, (_, at) =>
        // What a checkpoint will overwrite need not be made. The list is a shape, and fills no array.
        // oxlint-disable-next-line unicorn/no-array-fill-with-reference-type
        tf.variable(resuming ? tf.fill([length], 0) : tf.tensor1d(noise(length, at + 1))),
      ),
    );
    const matrix = tf.tensor2d(noise(params.rows * params.rows, 77), [params.rows, params.rows]);
    const factor = tf.scalar(1.0001);
    const times = new Float64Array(params.times === '' ? 0 : timesMax);
    let count = 0;
    // Wall-clock as others read it, but exact from step to step.
    const startedMs = systemClock.now().getTime() - systemClock.monotonicMs();
    return {
      state: Object.fromEntries(variables.map((variable, at) => [`v${at}`, variable])),
      until: { steps: stepsMax },
      async step() {
        const began = startedMs + systemClock.monotonicMs();
        if (params.flag !== '' && existsSync(params.flag)) {
          for (const variable of variables) tf.tidy(() => variable.assign(variable.mul(factor)));
          rmSync(params.flag);
        }
        if (params.rows > 0) tf.tidy(() => tf.matMul(matrix, matrix).dataSync());
        if (params.waitMs > 0) await systemClock.sleep(params.waitMs);
        if (count + 2 > times.length) return;
        times[count++] = began;
        times[count++] = startedMs + systemClock.monotonicMs();
      },
      dispose() {
        if (params.times !== '') writeFileSync(params.times, times.subarray(0, count));
      },
    };
  },
});
