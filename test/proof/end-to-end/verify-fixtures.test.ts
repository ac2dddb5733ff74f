/** Programs as people write them: those that do not resume are found, and their cause is named; those that do pass. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { prepareTrial } from '../../../proof/verify/prepare-trial.ts';
import { type Verification, verifyProgram } from '../../../proof/verify/verify-program.ts';
import { systemClock } from '../../../lib/base/clock.ts';
import { tempDir } from '../../support/temp-dir.ts';

const fixtures = join(import.meta.dirname, '..', '..', 'fixtures');

/** What the diagnosis names, and what its hint says: the cause in the program, never what it led to. */
const expected: Readonly<Record<string, readonly [component: RegExp, hint: RegExp]>> = {
  'kept-random': [
    /^`Math\.random` at kept-random\.ts:8, in `step`$/,
    /kept from before `setup`.*unsaved source/,
  ],
  'random-bytes-at-import': [
    /^`crypto\.randomBytes` at random-bytes-at-import\.ts:6, while the program is imported$/,
    /`salt`.*No seed reaches it/,
  ],
  'module-counter': [/^variable `updates` \(module-counter\.ts:5\), outside of `state`$/, /plain object/],
  'wall-clock-schedule': [/^`Date\.now` at wall-clock-schedule\.ts:\d+, in `step`$/, /`cosine`/],
  'forgotten-variable': [/^tensor `ema\/dense\/kernel`, which is not in `state`$/, /`movingAverage`/],
  'own-iterator': [/^the position of the generator `batches` \(own-iterator\.ts:\d+\)$/, /`load\(indices\)`/],
  'stateful-rnn': [
    /^the states of the recurrent layer `memory`, which are not in `state`$/,
    /the model itself/,
  ],
  'replaced-optimizer': [
    /^the optimizer in `optimizer` \(replaced-optimizer\.ts:\d+\), which is replaced during training$/,
    /`setLearningRate`/,
  ],
  'reordered-map': [/^the order of `#losses` in your Stateful `hard`/, /`\[\.\.\.map\]`/],
  'listing-order': [/^`fs\.readdirSync` at listing-order\.ts:\d+, in `setup`$/, /`\.toSorted\(\)`/],
  'batch-read-twice': [/^`next` of your Stateful `reader`/, /`save` of `reader`/],
  'own-file': [
    /^`fs\.readFileSync` at own-file\.ts:11, in `step`, of the file `losses\.log`, which the program itself writes$/,
    /written at own-file\.ts:33/,
  ],
  'counting-layer': [
    /^`#seed` of the layer `noise` \(counting-layer\.ts:7\), outside of `state`$/,
    /weights/,
  ],
  'only-made-afresh': [
    /^variable `vocabulary` \(only-made-afresh\.ts:4\), which is another one after a resume$/,
    /`setup` whether or not it resumes/,
  ],
  'metrics-in-closure': [/^variables `lossSum` \(.*\) and `count` \(.*\), outside of `state`$/, /`state`/],
};

async function verified(
  folder: string,
  name: string,
): Promise<{ told: string; found: Verification; hint: string }> {
  const program = await prepareTrial({
    file: join(fixtures, folder, `${name}.ts`),
    cwd: fixtures,
    set: {},
    inputs: {},
    backend: 'cpu',
  });
  const found = await verifyProgram({
    program,
    seed: 1,
    dir: tempDir(),
    clock: systemClock,
    signal: AbortSignal.timeout(110_000),
  });
  const { diagnosis } = found;
  return { told: diagnosis?.component ?? 'resumes', found, hint: diagnosis?.hint ?? '' };
}

describe('a program that does not resume is found, with its cause', () => {
  it('has an expectation for every fixture', () => {
    const names = readdirSync(join(fixtures, 'unresumable')).map((file) => file.replace(/\.ts$/, ''));
    expect(names.toSorted()).toEqual(Object.keys(expected).toSorted());
  });

  it.each(Object.entries(expected))('%s', async (name, [component, hint]) => {
    const diagnosis = await verified('unresumable', name);
    expect(diagnosis.told).toMatch(component);
    expect(diagnosis.hint).toMatch(hint);
    // Paths of this machine help nobody.
    expect(diagnosis.told + diagnosis.hint).not.toMatch(/file:|\/tmp\//);
  });
});

describe('a program that keeps everything in state passes', () => {
  it.each(['everything-in-state', 'own-reader', 'two-optimizers'])('%s', async (name) => {
    const { told, found } = await verified('resumable', name);
    expect(told).toBe('resumes');
    expect(found.negativeControl).toBe('found');
    expect(found.points.length).toBeGreaterThanOrEqual(4);
    // Its steps take no time, and still a kill comes before the next one.
    const missed = found.notCovered.filter(({ why }) => why === 'training ended by itself before');
    expect(missed).toEqual([]);
  });
});
