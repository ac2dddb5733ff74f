import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { bundleTestProgram, bundleText } from '../../support/bundle.ts';
import { type CopiedCheckpoint, type DriveOptions, TrainerDriver } from '../../support/trainer-driver.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 60_000, maxConcurrency: 2 });

let dir: string;
let smallNet: string;
let middle: CopiedCheckpoint;
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'trainer-failures-'));
  smallNet = await bundleTestProgram('small-net', dir);
  const driver = new TrainerDriver({ program: smallNet, dir, start: { save: { everySteps: 5 } } });
  await driver.sawStaged(2);
  await driver.kill();
  const copy = driver.copies[1];
  if (copy === undefined) throw new Error('nothing was staged');
  middle = copy;
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

async function failureOf(
  options: Omit<DriveOptions, 'dir'>,
): Promise<ReturnType<TrainerDriver['all']>[number]> {
  const driver = new TrainerDriver({ ...options, dir });
  const message = await driver.saw('failed');
  expect((await driver.exited).code).toBe(70);
  return message;
}

/** A program of ten steps around these parts. */
function text(parts: { readonly top?: string; readonly setup?: string; readonly training?: string }): string {
  return `import * as tf from '@tensorflow/tfjs';
import { defineTraining } from 'holdfast/training';
${parts.top ?? ''}
export default defineTraining({ setup() {
${parts.setup ?? ''}
  const weight = tf.variable(tf.tensor1d([1, 2]), true, 'weight');
  const count = { n: 0 };
  return { state: { weight, count }, until: { steps: 10 }, step() { count.n++; },
${parts.training ?? ''}
  };
} });
`;
}

describe.concurrent('a program that throws', () => {
  const boom = 'throw new TypeError("boom");';
  it.each([
    ['at import', { top: boom }, 'thrower-0.ts:3:7', 0],
    ['in setup', { setup: boom }, 'thrower-1.ts:5:7', 0],
    ['in a step', { training: `step({ step }) { if (step === 4) ${boom} },` }, 'thrower-2.ts:9:40', 4],
    ['in evaluate', { training: `evaluate() { ${boom} },` }, 'thrower-3.ts:9:20', 10],
    [
      'while it loads data',
      { training: `data: { examples: 4, batchSize: 2, async load() { await null; ${boom} } },` },
      'thrower-4.ts:9:',
      0,
    ],
    [
      'when it saves',
      {
        setup: 'const own = { save() { throw new TypeError("boom"); }, load() {} };',
        training: 'state: { own },',
      },
      'thrower-5.ts:5:30',
      0,
    ],
    [
      'in a promise that nobody awaits',
      { setup: 'void (async () => { await null; throw new TypeError("boom"); })();' },
      'thrower-6.ts:5:',
      0,
    ],
  ])('%s is told with file and line of its source', async (...[what, parts, place, step]) => {
    const name = place.replace(/\.ts.*/, '');
    const message = await failureOf({ program: await bundleText(name, text(parts), dir) });
    expect(message, what).toMatchObject({ kind: 'failed', error: { cause: 'user', step } });
    if (message.kind !== 'failed') return;
    expect(message.error.message).toContain(`boom (${place}`);
    expect(message.error.stack).toContain(place);
    expect(message.error.stack).not.toContain('node_modules');
    expect(message.error.stack).not.toContain('dist/');
  });
});

describe.concurrent('a program that cannot be trained', () => {
  it.each([
    ['a default export without setup', 'export default { params: {} };', /no `setup`/],
    ['a setup that returns nothing', 'export default { setup() {} };', /`setup` must return/],
    [
      'a metric to watch that evaluate does not report',
      text({ training: "best: { metric: 'acc', mode: 'max' }, evaluate: () => ({ accuracy: 1 })," }),
      /`acc`, but evaluate returned accuracy/,
    ],
  ])('for %s says so', async (name, program, message) => {
    const path = await bundleText(name.replaceAll(' ', '-'), program, dir);
    expect(await failureOf({ program: path })).toMatchObject({
      error: { cause: 'user', message: expect.stringMatching(message) },
    });
  });

  it('for an unknown parameter names it and the nearest one', async () => {
    expect(await failureOf({ program: smallNet, start: { params: { batchsize: 4 } } })).toMatchObject({
      error: { cause: 'user', message: expect.stringContaining('Did you mean `batchSize`?') },
    });
  });
});

describe.concurrent('a loss that is not a number', () => {
  it('stops the job before the state is saved', async () => {
    const program = await bundleText(
      'nan',
      text({ training: 'step({ step }) { count.n = step + 1; return { loss: step === 6 ? NaN : 1 }; },' }),
      dir,
    );
    const driver = new TrainerDriver({ program, dir, start: { save: { everySteps: 1 } } });
    const { error } = await driver.saw('failed');
    expect(error).toMatchObject({
      cause: 'non-finite-loss',
      message: expect.stringContaining('loss of step 7 is NaN'),
    });
    await driver.exited;
    expect(Math.max(...driver.copies.map(({ step }) => step))).toBeLessThanOrEqual(6);
    expect(driver.copies.length).toBeGreaterThan(0);
  });
});

describe.concurrent('state that the program forgot', () => {
  it('is found by name at the next snapshot, and nothing is saved without it', async () => {
    const program = await bundleText(
      'forgetful',
      text({
        setup: "const counter = tf.variable(tf.zeros([3]), false, 'counter');",
        training: 'step() { counter.assign(counter.add(1)); },',
      }),
      dir,
    );
    const driver = new TrainerDriver({ program, dir, start: { save: { everySteps: 2 } } });
    const { error } = await driver.saw('failed');
    expect(error).toMatchObject({ cause: 'user', message: expect.stringContaining('`counter [3]` changed') });
    expect(error.hint).toContain('state');
    await driver.exited;
    expect(driver.copies).toEqual([]);
  });
});

describe.concurrent('a checkpoint of another run', () => {
  it('is refused with every difference, before anything is assigned', async () => {
    const message = await failureOf({
      program: smallNet,
      from: middle,
      start: { seed: 9, params: { batchSize: 7, learningRate: 0.5, examples: 80 } },
    });
    expect(message).toMatchObject({
      error: {
        cause: 'incompatible',
        differences: [
          'data.examples: 77 in the checkpoint, 80 here',
          'seed: 1 in the checkpoint, 9 here',
          'data.batchSize: 8 in the checkpoint, 7 here',
          'params.batchSize: 8 in the checkpoint, 7 here',
          'params.learningRate: 0.02 in the checkpoint, 0.5 here',
          'params.examples: 77 in the checkpoint, 80 here',
        ],
      },
    });
  });

  it('goes on as a fork with another seed, batch size and parameters', async () => {
    const driver = new TrainerDriver({
      program: smallNet,
      dir,
      from: middle,
      fork: true,
      start: { seed: 9, params: { batchSize: 7, epochs: 3 } },
    });
    const result = await driver.finish();
    // Eleven batches of seven in an epoch of 77: what is left of the first epoch, and two whole ones.
    const left = Math.ceil((77 - 8 * middle.step) / 7);
    expect(result.step).toBe(middle.step + left + 22);
  });

  it('with another input is refused even as a fork', async () => {
    const copy = await new TrainerDriver({
      program: smallNet,
      dir,
      start: { params: { epochs: 1 }, inputDigests: { digits: 'a'.repeat(64) } },
    }).finish();
    const message = await failureOf({
      program: smallNet,
      from: copy,
      fork: true,
      start: { inputDigests: { digits: 'b'.repeat(64) } },
    });
    expect(message).toMatchObject({
      error: { cause: 'incompatible', differences: [expect.stringContaining('input digits')] },
    });
  });
});

const version = (layer: string, migrate: string): string => `
    import * as tf from '@tensorflow/tfjs';
    import { defineTraining, minimize, variablesOf } from 'holdfast/training';
    export default defineTraining({
      setup() {
        const model = tf.sequential({ layers: [
          tf.layers.dense({ name: '${layer}', units: 4, inputDim: 3 }), tf.layers.dense({ name: 'out', units: 1 }) ] });
        const weights = variablesOf(model);
        const optimizer = tf.train.sgd(0.1);
        return { state: { model, optimizer }, until: { steps: 8 }, step() {
          return { loss: minimize(optimizer, weights, () =>
            (model.apply(tf.randomNormal([5, 3])) as tf.Tensor).square().mean() as tf.Scalar) };
        } };
      },
      ${migrate}
    });`;

/** What the first version of the program ends with; one run serves every test. */
let firstVersion: Promise<CopiedCheckpoint> | undefined;
function trainedByFirstVersion(): Promise<CopiedCheckpoint> {
  firstVersion ??= bundleText('version-1', version('first', ''), dir).then((program) =>
    new TrainerDriver({ program, dir }).finish(),
  );
  return firstVersion;
}

describe.concurrent('a program whose code has changed', () => {
  it('is refused with the names that do not match', async () => {
    const from = await trainedByFirstVersion();
    const renamed = await bundleText('version-2', version('stem', ''), dir);
    const message = await failureOf({ program: renamed, from });
    expect(message).toMatchObject({ error: { cause: 'incompatible' } });
    if (message.kind === 'failed') expect(message.error.differences?.join('\n')).toContain('stem/kernel');
  });

  it('goes on when `migrate` renames, and gets the same weights', async () => {
    const from = await trainedByFirstVersion();
    const migrate = "migrate: ({ tensor }) => ({ from: tensor.replace('stem', 'first') }),";
    const renamed = await bundleText('version-3', version('stem', migrate), dir);
    const result = await new TrainerDriver({ program: renamed, dir, from }).finish();
    expect(result.step).toBe(8);
    expect(weightBytes(result)).toEqual(weightBytes(from));
  });

  it('keeps what setup made where `migrate` says so', async () => {
    const from = await trainedByFirstVersion();
    const migrate = "migrate: () => 'keep-initial',";
    const renamed = await bundleText('version-4', version('stem', migrate), dir);
    const result = await new TrainerDriver({ program: renamed, dir, from }).finish();
    expect(result.step).toBe(8);
    expect(weightBytes(result)).not.toEqual(weightBytes(from));
  });
});

/** Data of the model without the header, which has the names. */
function weightBytes(copy: CopiedCheckpoint): Buffer {
  const bytes = readFileSync(join(copy.dir, 'model.safetensors'));
  return bytes.subarray(8 + Number(bytes.readBigUInt64LE(0)));
}
