import { randomInt } from 'node:crypto';
import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { type BackendName, openBackend } from '../../../lib/tfjs/backend.ts';
import { snapshotsWhileTraining } from '../../support/snapshots-while-training.ts';
import { tempDir } from '../../support/temp-dir.ts';

describe.each<BackendName>(['cpu', 'wasm'])('snapshots on %s', (backend) => {
  const seed = randomInt(1e9);

  it(`are what a training that stands still would have copied, over 100 random steps (seed ${seed})`, async () => {
    await openBackend(backend);
    const before = { ...tf.memory(), data: tf.backend().numDataIds() };
    const watched = await snapshotsWhileTraining(tf, { dir: tempDir(), seed, steps: 100 });
    expect(watched.differences).toEqual([]);
    expect(watched.snapshots).toBeGreaterThan(5);
    expect(watched.contents).toBe(watched.snapshots);
    expect(watched.stepsBeside).toBeGreaterThan(5);
    expect({ ...tf.memory(), data: tf.backend().numDataIds() }).toEqual(before);
  });
});
