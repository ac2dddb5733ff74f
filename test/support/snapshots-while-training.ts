import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import type * as tfjs from '@tensorflow/tfjs';
import { DrainPace } from '../../job/trainer/drain-pace.ts';
import { type Slot, Slots } from '../../job/trainer/slots.ts';
import { stageSnapshot } from '../../job/trainer/stage-snapshot.ts';
import { systemClock } from '../../lib/base/clock.ts';
import { sha256Hex } from '../../lib/base/digest.ts';
import { seededRandom } from '../../lib/base/random.ts';
import type { TensorFlow } from '../../lib/tfjs/backend.ts';
import { openState } from '../../lib/tfjs/open-state.ts';
import { planOf } from '../../lib/training/plan.ts';
import { Progress } from '../../lib/training/progress.ts';
import { randomStreams } from '../../lib/training/random-streams.ts';
import { type SavableRun, takeSnapshot } from '../../lib/training/snapshot.ts';

export interface Watched {
  /** How many snapshots were staged. */
  readonly snapshots: number;
  /** Steps that were taken while one of them was held. */
  readonly stepsBeside: number;
  /** Files that differ from what a training that stands still would have copied, as `step 7: model.safetensors`. */
  readonly differences: readonly string[];
  /** How many different contents there were: one for each snapshot, or the comparison would show nothing. */
  readonly contents: number;
}

/**
 * Trains a net for so many steps on random batches, takes snapshots at random steps, up to two at a time, and compares
 * what lies in the slots at the end of each with a copy that was made when it was taken. Memory is taken and given back
 * at random meanwhile, which makes the heap of the wasm backend grow.
 */
export async function snapshotsWhileTraining(
  tf: TensorFlow,
  options: { readonly dir: string; readonly seed: number; readonly steps: number },
): Promise<Watched> {
  const { dir, seed, steps } = options;
  const random = seededRandom(seed);
  const whole = (max: number): number => Math.floor(random.next() * max);
  const net = netOf(tf);
  const state = openState(tf, net.state);
  const progress = new Progress();
  const plan = planOf({ state: {}, until: { steps }, step() {} }, randomStreams(seed));
  const run: SavableRun = { identity: { seed, params: {}, inputs: {} }, plan, progress, state };
  const slots = new Slots(dir);
  const pace = new DrainPace(systemClock);
  const differences: string[] = [];
  const contents = new Set<string>();
  const paths = new Set<string>();
  const staging = new Set<Promise<void>>();
  let [snapshots, stepsBeside] = [0, 0];

  const save = async (slot: Slot): Promise<void> => {
    const { step } = progress.position;
    const snapshot = takeSnapshot(run);
    const copies = snapshot.files.map(({ path, pieces }) => ({
      path,
      bytes: Buffer.concat(pieces.map((piece) => piece.read())),
    }));
    contents.add(copies.map(({ bytes }) => sha256Hex(bytes)).join());
    const means = { send() {}, pace };
    await stageSnapshot({ slot, snapshot, id: `t${step}`, reason: 'policy', compatibility: {} }, means);
    for (const { path, bytes } of copies) {
      paths.add(path);
      const written = readFileSync(join(dir, `slot-${slot.number}`, path)).subarray(0, bytes.length);
      if (!written.equals(bytes)) differences.push(`step ${step}: ${path}`);
    }
    slot.state = 'free';
    snapshots++;
  };

  const ballast: tfjs.Tensor[] = [];
  while (progress.position.step < steps) {
    if (staging.size > 0) stepsBeside++;
    await net.step(1 + whole(4));
    progress.stepped(
      { ...progress.position, step: progress.position.step + 1 },
      { loss: random.next() },
      null,
    );
    if (whole(10) === 0) ballast.push(tf.zeros([(1 + whole(4)) * 512 * 1024]));
    if (whole(20) === 0) tf.dispose(ballast.splice(0));
    const slot = whole(3) === 0 ? slots.free() : undefined;
    if (slot !== undefined) {
      const saving = save(slot).finally(() => staging.delete(saving));
      staging.add(saving);
    }
    for (let turns = whole(3); turns > 0; turns--) await turn();
  }
  await Promise.all(staging);
  for (const slot of [slots.get(0), slots.get(1)])
    for (const path of paths) await (await slot?.file(path))?.close();
  tf.dispose(ballast);
  net.dispose();
  return { snapshots, stepsBeside, differences, contents: contents.size };
}

/** Tensors of all sizes: alone and gathered in the file; state of every kind that changes from step to step. */
function netOf(tf: TensorFlow) {
  const model = tf.sequential({
    name: 'net',
    layers: [
      tf.layers.dense({ name: 'wide', units: 300, inputShape: [64], activation: 'relu' }),
      tf.layers.batchNormalization({ name: 'norm' }),
      tf.layers.dense({ name: 'out', units: 3 }),
    ],
  });
  const optimizer = tf.train.adam(0.01);
  model.compile({ optimizer, loss: 'meanSquaredError' });
  const average = tf.tidy(() => tf.variable(tf.zeros([64, 300]), false, 'average'));
  const noise = new Float32Array(5_000);
  const counter = { steps: 0 };
  return {
    state: { model, average, noise, counter },
    async step(batch: number) {
      const [xs, ys] = [tf.randomNormal([batch, 64]), tf.randomNormal([batch, 3])];
      await model.trainOnBatch(xs, ys);
      const kernel = model.getWeights()[0];
      if (kernel !== undefined) tf.tidy(() => average.assign(average.mul(0.9).add(kernel.mul(0.1))));
      counter.steps++;
      noise.fill(counter.steps);
      tf.dispose([xs, ys]);
    },
    dispose() {
      tf.dispose([average]);
      model.dispose();
      optimizer.dispose();
    },
  };
}
