import { expect, it, vi } from 'vitest';
import { seededRandom } from '../../../lib/base/random.ts';
import { bundleTestProgram } from '../../support/bundle.ts';
import { damagedCopy, zeroTensor } from '../../support/damaged-copy.ts';
import { runInterrupted } from '../../support/interrupted-run.ts';
import { tempDir } from '../../support/temp-dir.ts';
import { TrainerDriver } from '../../support/trainer-driver.ts';

// Storms of kills, with a control for each part of the state, are in test/proof/end-to-end/kills.test.ts.
vi.setConfig({ testTimeout: 120_000 });

it('a small net with one of everything ends identical after kills, and not when a checkpoint loses a part', async () => {
  const dir = tempDir();
  const program = await bundleTestProgram('small-net', dir);
  const options = { program, dir, start: { save: { everySteps: 4 } } };
  const whole = new TrainerDriver(options);
  const [reference, { result, resumedFrom }] = await Promise.all([
    whole.finish(),
    runInterrupted(options, { count: 3, random: seededRandom(1) }),
  ]);
  expect(result.digests, `resumed from ${resumedFrom.join(', ')}`).toEqual(reference.digests);
  // Kills that never hit a training under way would prove nothing.
  expect(new Set(resumedFrom).size).toBeGreaterThan(1);

  const middle = whole.copies.find(({ step }) => step > 80 && step % 10 > 2);
  if (middle === undefined) throw new Error('no checkpoint was taken inside an epoch');
  const from = damagedCopy(middle, dir);
  zeroTensor(from, 'optimizer.safetensors', 'accBeta2');
  const wrong = await new TrainerDriver({ ...options, from }).finish();
  expect(wrong.digests).not.toEqual(reference.digests);
});
