import { randomInt } from 'node:crypto';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type NativeBench, nativeBench } from '../support/native-bench.ts';
import { snapshotsWhileTraining } from '../support/snapshots-while-training.ts';
import { tempDir } from '../support/temp-dir.ts';

let bench: NativeBench;
beforeAll(() => {
  bench = nativeBench();
});
afterAll(() => bench.remove());

const seed = randomInt(1e9);

it(`snapshots are what a training that stands still would have copied, over 100 random steps (seed ${seed})`, async () => {
  // As the host opens it on an instance: beside itself.
  const opener = join(dirname(bench.host), '..', '..', 'lib', 'tfjs', 'backend.js');
  const opened: unknown = await import(pathToFileURL(opener).href);
  const { openBackend } = opened as typeof import('../../lib/tfjs/backend.ts');
  const { tf, backend } = await openBackend('tensorflow');
  expect(backend).toBe('tensorflow');
  const before = tf.memory().numTensors;
  const watched = await snapshotsWhileTraining(tf, { dir: tempDir(), seed, steps: 100 });
  expect(watched.differences).toEqual([]);
  expect(watched.snapshots).toBeGreaterThan(5);
  expect(watched.contents).toBe(watched.snapshots);
  expect(watched.stepsBeside).toBeGreaterThan(5);
  expect(tf.memory().numTensors).toBe(before);
});
