/** `holdfast verify` as a person types it. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { root } from '../../support/house/source-tree.ts';
import { tempDir } from '../../support/temp-dir.ts';
import { mustHaveDigits } from '../../support/trainer-driver.ts';

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
  readonly tookMs: number;
}

function verify(cwd: string, ...args: readonly string[]): Ended {
  const startedAtMs = performance.now();
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(root, 'dist', 'cli', 'main.js'), 'verify', ...args],
    { cwd, encoding: 'utf8', env: { ...process.env, NO_COLOR: '1' } },
  );
  return { code: status, out: stdout, err: stderr, tookMs: performance.now() - startedAtMs };
}

/** Learns a line; `seen` is kept in a closure, and every third step is a larger one. */
const forgetful = `
import * as tf from '@tensorflow/tfjs';
import { defineTraining, minimize, variablesOf, setLearningRate } from 'holdfast/training';
export default defineTraining({
  params: { steps: 14 },
  setup({ params }) {
    const model = tf.sequential({ layers: [tf.layers.dense({ name: 'line', inputShape: [1], units: 1 })] });
    const optimizer = tf.train.momentum(0.05, 0.9);
    const weights = variablesOf(model);
    let seen = 0;
    return {
      state: { model, optimizer },
      data: { examples: 40, batchSize: 5 },
      until: { steps: params.steps },
      step({ indices }) {
        seen++;
        setLearningRate(optimizer, seen % 3 === 0 ? 0.1 : 0.05);
        return { loss: minimize(optimizer, weights, () => {
          const x = tf.tensor2d(Array.from(indices, (index) => [index / 40]));
          return tf.losses.meanSquaredError(x.mul(3).add(1), model.apply(x));
        }) };
      },
    };
  },
});
`;

/** Nothing but numbers: all steps are over while a kill is on its way. */
const quick = `
import { defineTraining } from 'holdfast/training';
export default defineTraining({
  setup() {
    const kept = { seen: 1 };
    return {
      state: { kept },
      data: { examples: 40, batchSize: 2 },
      until: { steps: 30 },
      evaluate: () => ({ seen: kept.seen }),
      step({ indices }) {
        kept.seen += indices[0] ?? 0;
        return { seen: kept.seen };
      },
    };
  },
});
`;

describe('holdfast verify', () => {
  it('proves within a minute that the example with the digits resumes exactly', () => {
    mustHaveDigits();
    const { code, out, err, tookMs } = verify(root, 'examples/mnist/train.ts', '--json');
    expect(err).toBe('');
    const report: unknown = JSON.parse(out);
    expect(report).toMatchObject({
      schemaVersion: 1,
      resumable: true,
      negativeControl: 'found',
      firstDivergence: null,
      digest: expect.stringMatching(/^[0-9a-f]{64}$/),
      stepsInAll: 500,
      seed: 1,
    });
    // Of a slow machine fewer steps are asked, which may all lie in the first epoch.
    const { interruptions, points, notCovered } = Object(report);
    expect(interruptions).toBe(7 - notCovered.length);
    expect(interruptions).toBeGreaterThanOrEqual(6);
    expect(points).toHaveLength(interruptions);
    expect(code).toBe(0);
    expect(tookMs).toBeLessThan(60_000);
  });

  it('interrupts a program at every kind of place, however fast it is, and at the same steps each time', () => {
    const dir = tempDir();
    writeFileSync(join(dir, 'train.ts'), quick);
    const { code, out, err } = verify(dir, 'train.ts', '--backend', 'cpu', '--json');
    expect(code, err).toBe(0);
    const { notCovered, points } = Object(JSON.parse(out));
    expect(notCovered).toEqual([]);
    expect(points.map((point: object) => Object.values(point).join(' '))).toEqual([
      'first-step 6 1',
      'mid-epoch 8 8',
      'during-save 7 4',
      'epoch-boundary 20 20',
      'no-notice 17 12',
      'evaluation 20 20',
      'twice 9 8',
    ]);
  });

  it('names what a program keeps in a closure, and draws both curves', () => {
    const dir = tempDir();
    writeFileSync(join(dir, 'train.ts'), forgetful);
    const { code, out, err } = verify(dir, 'train.ts', '--backend', 'cpu', '--svg', 'curves.svg');
    expect(code, err).toBe(6);
    expect(out).toContain('train.ts does not resume exactly');
    expect(out).toMatch(/first difference: .*`seen`/);
    expect(out).toMatch(/ {2}after an interruption .*resumed from step \d+/);
    expect(out).toMatch(/loss by step, 1 to 14/);
    expect(out).toContain('negative control: a part that was dropped');
    expect(readFileSync(join(dir, 'curves.svg'), 'utf8')).toMatch(/^<svg .*class="parted".*<\/svg>\n$/s);
  });

  it.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('leaves nothing behind after %s', async (signal) => {
    const [dir, temporary] = [tempDir(), tempDir()];
    writeFileSync(join(dir, 'train.ts'), forgetful);
    const child = spawn(process.execPath, [join(root, 'dist', 'cli', 'main.js'), 'verify', 'train.ts'], {
      cwd: dir,
      env: { ...process.env, TMPDIR: temporary },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const ended = once(child, 'exit');
    // The first line tells of the plan: processes run, and more are about to.
    await once(child.stderr, 'data');
    expect(readdirSync(temporary).join()).toContain('holdfast-verify-');
    child.kill(signal);
    child.kill('SIGHUP');
    expect(await ended).toEqual([130, null]);
    expect(readdirSync(temporary)).toEqual([]);
  });

  it('says of a program that fails by itself that it does not run, in the program’s words', () => {
    const dir = tempDir();
    const program = (setup: string): string =>
      `import { defineTraining } from 'holdfast/training';\nexport default defineTraining({ setup() { ${setup} } });\n`;
    const failing = `return { state: {}, until: { steps: 20 }, step({ step }) { if (step === 12) throw new Error('boom'); } };`;
    writeFileSync(join(dir, 'throws.ts'), program(`throw new Error('no corpus');`));
    writeFileSync(join(dir, 'fails.ts'), program(failing));
    writeFileSync(join(dir, 'seven.ts'), 'export default 7;\n');
    const throws = verify(dir, 'throws.ts', '--json');
    expect(throws.code).toBe(1);
    expect(JSON.parse(throws.out)).toMatchObject({ error: { code: 'USER_PROGRAM' } });
    expect(throws.err).toMatch(/^holdfast: no corpus \(throws\.ts:2:/);
    const fails = verify(dir, 'fails.ts', '--backend', 'cpu');
    expect(fails.code).toBe(1);
    expect(fails.err).toMatch(/^holdfast: boom .*failed after step 12 without any interruption/ms);
    const seven = verify(dir, 'seven.ts');
    expect(seven.code).toBe(2);
    expect(seven.err).toMatch(/^holdfast: the default export .*\n {2}next: Write `export default/);
  });

  it('refuses a parameter that the program does not have, before anything runs', () => {
    const dir = tempDir();
    writeFileSync(join(dir, 'train.ts'), forgetful);
    const { code, out } = verify(dir, 'train.ts', '--set', 'speed=3', '--svg', 'curves.svg', '--json');
    expect(code).toBe(2);
    expect(JSON.parse(out)).toMatchObject({ error: { code: 'USAGE' } });
    expect(existsSync(join(dir, 'curves.svg'))).toBe(false);
  });
});
