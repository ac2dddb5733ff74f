import * as tf from '@tensorflow/tfjs';
import { openState } from '../../lib/tfjs/open-state.ts';
import { type LayerWeight, seenAs } from '../../lib/tfjs/private-fields.ts';
import { readSafetensors } from './read-safetensors.ts';
import type { TrainingState } from '../../lib/training/state.ts';
import { type SavedBytes, saveState } from './saved-state.ts';

/** A small program under test: everything that one process would have. */
export interface Run {
  readonly state: TrainingState;
  step(step: number): Promise<void>;
  dispose(): void;
}
/** Makes a program; another seed gives other initial weights, which a restore must overwrite. */
export type OpenRun = (seed: number) => Run;

/** Values that follow from place and step alone, so that every run sees the same data. */
export function batch(step: number, shape: readonly number[]): tf.Tensor {
  const size = shape.reduce((product, length) => product * length, 1);
  const values = Float32Array.from({ length: size }, (_, index) => Math.sin(index * 0.7 + step * 1.3));
  return tf.tensor(values, [...shape]);
}

export function compiledRun(
  model: tf.LayersModel,
  shapes: { readonly input: readonly number[]; readonly output: readonly number[] },
): Run {
  return {
    state: openState(tf, { model: seenAs(model) }),
    async step(step) {
      const xs = batch(step, shapes.input);
      const ys = batch(step + 1, shapes.output);
      await model.trainOnBatch(xs, ys);
      tf.dispose([xs, ys]);
    },
    dispose: () => model.dispose(),
  };
}

/** Normalisation first: behind a bias its gradient would be zero, where centred RMSProp has no finite update. */
export function perceptron(optimizer: tf.Optimizer, seed: number): Run {
  const model = tf.sequential({
    name: 'net',
    layers: [
      tf.layers.batchNormalization({ name: 'norm', inputShape: [4] }),
      tf.layers.dense({ name: 'hidden', units: 5, activation: 'tanh' }),
      tf.layers.dense({ name: 'out', units: 2 }),
    ],
  });
  // Not by a seeded initializer: its seed is part of the topology, which must be equal.
  for (const { val } of seenAs<readonly LayerWeight[]>(model.trainableWeights)) {
    const initial = batch(seed, val.shape);
    val.assign(initial);
    initial.dispose();
  }
  model.compile({ optimizer, loss: 'meanSquaredError' });
  return compiledRun(model, { input: [6, 4], output: [6, 2] });
}

/** Trains to the end without a stop, saving at each of `stops` on the way. */
export async function uninterrupted(
  open: OpenRun,
  options: { readonly steps: number; readonly stops: readonly number[] },
): Promise<{ readonly end: SavedBytes; readonly saved: ReadonlyMap<number, SavedBytes> }> {
  const run = open(1);
  const saved = new Map<number, SavedBytes>();
  for (let step = 0; step < options.steps; step++) {
    if (options.stops.includes(step)) saved.set(step, saveState(run.state));
    await run.step(step);
  }
  const end = saveState(run.state);
  run.dispose();
  if (!isFinite(end)) throw new Error('the run diverged: equal NaNs would prove nothing');
  return { end, saved };
}

/** A fresh program with other initial weights, restored, and trained on. */
export async function resumed(
  open: OpenRun,
  saved: SavedBytes,
  options: { readonly from: number; readonly steps: number },
): Promise<SavedBytes> {
  const run = open(2 + options.from);
  run.state.restore(saved);
  for (let step = options.from; step < options.steps; step++) await run.step(step);
  const end = saveState(run.state);
  run.dispose();
  return end;
}

function isFinite(saved: SavedBytes): boolean {
  return [...saved.files].every(
    ([path, file]) =>
      !path.endsWith('.safetensors') ||
      [...readSafetensors(file, path).values()].every(
        ({ dtype, data }) =>
          dtype !== 'F32' || new Float32Array(Uint8Array.from(data).buffer).every(Number.isFinite),
      ),
  );
}
