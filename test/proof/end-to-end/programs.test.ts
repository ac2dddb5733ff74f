/** Whole trainings of the programs of the documentation, killed and resumed. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { seededRandom } from '../../../lib/base/random.ts';
import { bundleTestProgram } from '../../support/bundle.ts';
import { runInterrupted } from '../../support/interrupted-run.ts';
import { mustHaveDigits, TrainerDriver } from '../../support/trainer-driver.ts';

let dir: string;
beforeAll(() => {
  mustHaveDigits();
  dir = mkdtempSync(join(tmpdir(), 'trainer-programs-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** The programs of the documentation, as they stand. Fewer steps for the agent, whose episodes are long. */
const programs = [
  { name: 'mnist-cnn', params: {}, everySteps: 7 },
  { name: 'gan', params: {}, everySteps: 6 },
  { name: 'dqn', params: { steps: 420 }, everySteps: 60 },
  { name: 'augment', params: { epochs: 3 }, everySteps: 8 },
];

// Each attempt starts a process, which takes a second of a processor before it trains.
vi.setConfig({ testTimeout: 180_000, maxConcurrency: 2 });

describe.concurrent('a program that is killed and resumed', () => {
  it.each(programs)('$name ends with the very bytes of a run that was left alone', async (program) => {
    const { name, params, everySteps } = program;
    const path = await bundleTestProgram(name, dir);
    const options = { program: path, dir, start: { params, save: { everySteps } } };
    const reference = await new TrainerDriver(options).finish();
    const random = seededRandom(name.length);
    const { result, resumedFrom } = await runInterrupted(options, { count: 2, random });
    expect(result.digests, `resumed from ${resumedFrom.join(', ')}`).toEqual(reference.digests);
    expect(result.step).toBe(reference.step);
  });
});
