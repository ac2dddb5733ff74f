import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bundleText } from '../support/bundle.ts';
import { type NativeBench, nativeBench } from '../support/native-bench.ts';
import { type DriveOptions, TrainerDriver } from '../support/trainer-driver.ts';

let bench: NativeBench;
let program: string;
beforeAll(async () => {
  bench = nativeBench();
  program = await bench.program('optimizers');
});
afterAll(() => bench.remove());

function drive(options: Partial<DriveOptions> = {}): TrainerDriver {
  return new TrainerDriver({ program, dir: bench.dir, host: bench.host, ...options });
}

const { TF_NUM_INTRAOP_THREADS: _, ...plainEnv } = process.env;

describe.concurrent('a host beside the native packages', () => {
  it('takes the native backend by itself, and says on what it computes', async () => {
    const driver = drive({ env: plainEnv, waitToBegin: true });
    const { runtime } = await driver.saw('hello');
    expect(runtime).toMatchObject({
      backend: 'tensorflow',
      versions: {
        tfjs: '4.22.0',
        'tfjs-node': '4.22.0',
        node: process.versions.node,
        flags: `TF_DETERMINISTIC_OPS=1 TF_CUDNN_DETERMINISTIC=1 TF_ENABLE_ONEDNN_OPTS=0 TF_NUM_INTRAOP_THREADS=${availableParallelism()}`,
        cpu: expect.stringMatching(/./),
      },
    });
    await driver.kill();
  });

  it('trains on wasm where that is asked for', async () => {
    const driver = drive({ start: { backend: 'wasm', params: { steps: 3 } } });
    await driver.finish();
    expect(driver.all('hello')[0]?.runtime.backend).toBe('wasm');
  });
});

describe.concurrent('a training on the native backend', () => {
  it('hears a notice between two steps, and goes on elsewhere to the same end', async () => {
    const start = { params: { steps: 150 }, save: { everySteps: 50 } };
    const reference = await drive({ start }).finish();
    const driver = drive({ start });
    await driver.saw('progress', ({ step }) => step > 20);
    driver.send({ kind: 'checkpoint', id: 's1', reason: 'notice', halt: true });
    await Promise.race([driver.saw('staged', ({ id }) => id === 's1'), driver.saw('unchanged')]);
    driver.send({ kind: 'stop' });
    expect(await driver.exited).toEqual({ code: 0, signal: null });
    const from = driver.copies.at(-1);
    expect(from?.step).toBeLessThan(150);
    expect((await drive({ start, from }).finish()).digests).toEqual(reference.digests);
  });

  it('saves the state of one instant while steps go on', async () => {
    // Every step is asked for, and each copy must be what a training that ends there would leave.
    const driver = drive({ start: { params: { steps: 30 }, save: { everySteps: 1 } } });
    await driver.finish();
    const on = driver.copies.filter(({ step }) => step > 1 && step < 30);
    expect(on.length).toBeGreaterThan(3);
    for (const copy of [on[0], on.at(-1)]) {
      const { digests } = await drive({ start: { params: { steps: copy!.step } } }).finish();
      for (const file of ['model.safetensors', 'optimizer.safetensors'])
        expect(copy!.digests[file], `${file} of step ${copy!.step}`).toBe(digests[file]);
    }
  });
});

describe.concurrent('a tensor on the native backend', () => {
  it('keeps its values when the array that it was made from is filled again', async () => {
    // Lengths of all sorts: where an array lies in memory decides whether TensorFlow copies it.
    const reusing = await bundleText(
      'reusing',
      `import * as tf from '@tensorflow/tfjs';
       import { defineTraining } from 'holdfast/training';
       const buffers = [16, 256, 1024, 4096, 65536].map((length) => new Float32Array(length));
       export default defineTraining({ setup: () => ({
         state: { count: { n: 0 } }, until: { steps: 12 },
         data: {
           examples: 48, batchSize: 4, shuffle: false,
           async load([first]) {
             await null;
             return buffers.flatMap((buffer) => {
               const [fresh, used] = [0, 0].map(() => tf.tensor1d(buffer.fill(first + 1)));
               used.add(1).dispose();
               buffer.fill(-1);
               return [fresh, used];
             });
           },
         },
         step({ batch, indices: [first] }) {
           for (const tensor of batch)
             if (tensor.dataSync().some((value) => value !== first + 1)) throw new Error('changed: ' + tensor.shape);
         },
       }) });`,
      bench.dir,
    );
    const driver = drive({ program: reusing });
    expect((await driver.finish()).step).toBe(12);
  });
});

describe.concurrent('the last bits', () => {
  async function weightsWith(threads: number, prefix: readonly string[] = []): Promise<string | undefined> {
    const env = { ...process.env, TF_NUM_INTRAOP_THREADS: String(threads) };
    const { digests } = await drive({
      env,
      prefix,
      start: { params: { steps: 6, units: 1024, batchSize: 96 } },
    }).finish();
    return digests['model.safetensors'];
  }
  const canPin = spawnSync('taskset', ['--version']).status === 0;

  it('are the same in every process with the same number of threads', async () => {
    const [first, second, third] = [await weightsWith(2), await weightsWith(2), await weightsWith(2)];
    expect(second).toBe(first);
    expect(third).toBe(first);
  });

  it('depend on the number of threads, so that a change must be told', async () => {
    expect(await weightsWith(1)).not.toBe(await weightsWith(4));
  });

  it.skipIf(!canPin)('do not depend on the number of processors when threads are set', async () => {
    expect(await weightsWith(4, ['taskset', '-c', '0'])).toBe(await weightsWith(4));
  });
});
