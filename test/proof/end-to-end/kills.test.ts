/** A storm of kills, and for each part of the state a control that shows that the comparison would see it missing. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { seededRandom } from '../../../lib/base/random.ts';
import { bundleTestProgram } from '../../support/bundle.ts';
import { at, damagedCopy, editDocument, zeroTensor } from '../../support/damaged-copy.ts';
import { runInterrupted } from '../../support/interrupted-run.ts';
import { type CopiedCheckpoint, TrainerDriver } from '../../support/trainer-driver.ts';

let dir: string;
let program: string;
let reference: CopiedCheckpoint;
let middle: CopiedCheckpoint;
let late: CopiedCheckpoint;
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'trainer-kills-'));
  program = await bundleTestProgram('small-net', dir);
  const driver = new TrainerDriver({ program, dir, start: { save: { everySteps: 4 } } });
  reference = await driver.finish();
  // Both inside an epoch of ten steps; there are 120 in all.
  middle = insideEpoch(driver, 37, 110);
  late = insideEpoch(driver, 110, 120);
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

// Every round starts a process, which takes a second of a processor before it trains.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 60_000, maxConcurrency: 2 });

describe.concurrent('a small net with one of everything', () => {
  it.each([1, 2])('ends identical after seven kills at random instants (seed %i)', async (seed) => {
    const random = seededRandom(seed);
    const { result, resumedFrom } = await runInterrupted(
      { program, dir, start: { save: { everySteps: 4 } } },
      { count: 7, random },
    );
    expect(result.digests, `resumed from ${resumedFrom.join(', ')}`).toEqual(reference.digests);
    // Kills that never hit a training under way would prove nothing.
    expect(new Set(resumedFrom).size).toBeGreaterThan(2);
  });
});

describe.concurrent('the comparison with the uninterrupted run', () => {
  const damages: Readonly<Record<string, (from: CopiedCheckpoint) => void>> = {
    nothing: () => {},
    'the position in the data': (from) =>
      editDocument(from, (document) => {
        Object.assign(at(document, 'position'), { example: 0 });
      }),
    'metric sums of the running epoch': (from) =>
      editDocument(from, (document) => {
        document['epochMetrics'] = {};
      }),
    'a plain object of the program': (from) =>
      editDocument(from, (document) => {
        Object.assign(at(document, 'state', 'counts', 'value'), { seen: 1 });
      }),
    'statistics of batch normalisation': (from) => zeroTensor(from, 'model.safetensors', 'norm/moving_mean'),
    "Adam's running product": (from) => zeroTensor(from, 'optimizer.safetensors', 'accBeta2'),
  };

  it.each(Object.entries(damages))('goes red when a checkpoint loses %s', async (what, damage) => {
    const from = damagedCopy(what.includes('running epoch') ? late : middle, dir);
    damage(from);
    const result = await new TrainerDriver({ program, dir, from }).finish();
    if (what === 'nothing') expect(result.digests).toEqual(reference.digests);
    else expect(result.digests).not.toEqual(reference.digests);
  });
});

function insideEpoch(driver: TrainerDriver, after: number, before: number): CopiedCheckpoint {
  const found = driver.copies.find(({ step }) => step > after && step < before && step % 10 > 2);
  if (found === undefined) throw new Error('no checkpoint was taken inside an epoch');
  return found;
}
