import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { builtFile, packageFile } from '../../lib/base/package-files.ts';

const dir = mkdtempSync(join(tmpdir(), 'holdfast-operators-'));
let region: ChildProcess;

interface Ran {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** One `holdfast` command in the region's folder, as a person types it. */
function holdfast(...args: readonly string[]): Promise<Ran> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [builtFile('cli/main.js'), '--dir', dir, ...args], {
      cwd: packageFile('.'),
    });
    let [out, err] = ['', ''];
    child.stdout.on('data', (text: Buffer) => (out += text.toString()));
    child.stderr.on('data', (text: Buffer) => (err += text.toString()));
    child.on('close', (code) => resolve({ code, out, err }));
  });
}

async function show(jobId: string): Promise<{
  status: string;
  step: number;
  end: { reason: string; message: string } | null;
  claims: number;
}> {
  const { out } = await holdfast('show', jobId, '--json');
  const { job, state } = JSON.parse(out);
  return { status: state.status, step: job.step, end: state.end, claims: state.totals.claims };
}

async function until(what: string, isTrue: () => Promise<boolean>): Promise<void> {
  const giveUpAt = Date.now() + 90_000;
  while (!(await isTrue())) {
    if (Date.now() > giveUpAt) throw new Error(`never came true: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

/** A dense net that breaks at step 25, or does not. */
function program(name: string, breaks: boolean, units = 4): string {
  const file = join(dir, name);
  writeFileSync(
    file,
    `import * as tf from '@tensorflow/tfjs';
import { defineTraining, fit, inMemory } from 'holdfast/training';
export default defineTraining({
  params: { steps: 60 },
  setup({ params }) {
    const model = tf.sequential({ layers: [tf.layers.dense({ name: 'a', units: ${units}, inputShape: [3] }), tf.layers.dense({ name: 'b', units: 1 })] });
    model.compile({ optimizer: 'adam', loss: 'meanSquaredError' });
    const training = fit(model, { data: inMemory({ xs: tf.ones([64, 3]), ys: tf.ones([64, 1]), batchSize: 8 }), until: { steps: params.steps } });
    return { ...training, async step(moment: Parameters<typeof training.step>[0]) {
      ${breaks ? "if (moment.step === 25) throw new Error('the flux is reversed');" : ''}
      return training.step(moment);
    } };
  },
});
`,
  );
  return file;
}

beforeAll(async () => {
  region = spawn(
    process.execPath,
    [builtFile('cli/main.js'), '--dir', dir, 'local', '--heartbeat', '600ms', '--visibility', '2.4s'],
    {
      stdio: 'ignore',
    },
  );
  await until('the region is open', async () => (await holdfast('ls', '--json')).code === 0);
});

afterAll(async () => {
  const ended = new Promise((resolve) => region.once('close', resolve));
  region.kill('SIGINT');
  await ended;
  rmSync(dir, { recursive: true, force: true });
});

describe('an operator who resumes with a changed program', () => {
  it('sees his own file and line in the failure, and the list of differences when the network is another one', async () => {
    expect(
      await holdfast('submit', program('first.ts', true), '--id', 'other', '--save-every', '10steps'),
    ).toMatchObject({ code: 0 });
    expect((await holdfast('watch', 'other')).code).toBe(100);
    const failed = await show('other');
    expect(failed).toMatchObject({ status: 'failed', claims: 2, end: { reason: 'user-error' } });
    // The program's own frames alone: nobody wants to read ours.
    expect(failed.end?.message).not.toMatch(/loop\.ts|run-host/);
    expect(failed.end?.message).toMatch(/the flux is reversed[\s\S]*first\.ts:10/);
    const wider = program('wider.ts', false, 5);
    expect(await holdfast('resume', 'other', '--program', wider)).toMatchObject({
      code: 0,
    });
    expect((await holdfast('watch', 'other')).code).toBe(100);
    const { end, claims } = await show('other');
    expect(claims).toBe(3);
    expect(end).toMatchObject({ reason: 'incompatible' });
    expect(end?.message).toMatch(/a\/kernel[\s\S]*\[3, ?4\][\s\S]*\[3, ?5\]/);
  }, 180_000);
});
