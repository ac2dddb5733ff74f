import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { UnfitError } from '../../../lib/base/errors.ts';
import { openBackend } from '../../../lib/tfjs/backend.ts';
import { seenAs } from '../../../lib/tfjs/private-fields.ts';
import { assertAllocated } from '../../../lib/tfjs/wasm-memory.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'holdfast-backend-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

describe('openBackend', () => {
  it.each(['wasm', 'cpu'] as const)('starts %s and says what it runs on', async (wanted) => {
    const { tf, backend, runtime } = await openBackend(wanted);
    expect(backend).toBe(wanted);
    expect(tf.getBackend()).toBe(wanted);
    expect(runtime).toMatchObject({
      backend: wanted,
      arch: process.arch,
      versions: { tfjs: '4.22.0', node: process.versions.node },
    });
    expect('tfjs-backend-wasm' in runtime.versions).toBe(wanted === 'wasm');
  });

  it('may be called again without replacing kernels twice', async () => {
    const { tf } = await openBackend('wasm');
    const kernel = tf.getKernel('BatchMatMul', 'wasm');
    await openBackend('wasm');
    expect(tf.getKernel('BatchMatMul', 'wasm')).toBe(kernel);
  });

  it.each(['wasm', 'cpu'] as const)('saves and loads layers models under file:// on %s', async (wanted) => {
    const { tf } = await openBackend(wanted);
    const model = tf.sequential({
      layers: [tf.layers.dense({ units: 2, inputShape: [3], name: 'saved_dense' })],
    });
    const url = `file://${join(folder, 'a', 'model')}`;
    await model.save(url);
    const loaded = await tf.loadLayersModel(`${url}/model.json`);
    expect(loaded.getWeights().map((weight) => Array.from(weight.dataSync()))).toEqual(
      model.getWeights().map((weight) => Array.from(weight.dataSync())),
    );
    model.dispose();
    loaded.dispose();
  });

  it('leaves other addresses to other handlers', async () => {
    const { tf } = await openBackend('cpu');
    expect(tf.io.getSaveHandlers('s3://bucket/model')).toEqual([]);
    expect(tf.io.getLoadHandlers('file:///model')).toHaveLength(1);
  });
});

describe('a tensor without memory', () => {
  it('is reported, where the wasm backend stays silent', async () => {
    const { tf } = await openBackend('wasm');
    const tensor = tf.tensor1d([1, 2]);
    const full = { getMemoryOffset: () => 0 };
    expect(() => assertAllocated(seenAs(tf.backend()), tensor)).not.toThrow();
    expect(() => assertAllocated(full, tensor)).toThrow(UnfitError);
    const empty = tf.tensor1d([]);
    expect(() => assertAllocated(full, empty)).not.toThrow();
    tf.dispose([tensor, empty]);
  });
});

/** What a program would see: run in a process of its own, since modules are found and flags are read once. */
function openIn(modules: string): { readonly stdout: string; readonly stderr: string } {
  const backend = join(import.meta.dirname, '../../../dist/lib/tfjs/backend.js');
  const script = `
    const { openBackend } = await import(${JSON.stringify(backend)});
    const { tf, backend, runtime } = await openBackend();
    console.log(JSON.stringify({ backend, runtime, seen: tf.seenAtLoad }));`;
  const { TF_DETERMINISTIC_OPS: _, TF_NUM_INTRAOP_THREADS: __, ...env } = process.env;
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
    env: { ...env, NODE_PATH: modules, TF_ENABLE_ONEDNN_OPTS: 'chosen' },
  });
  return { stdout, stderr };
}

async function install(name: string, source: string): Promise<void> {
  const at = join(folder, '@tensorflow', name);
  await mkdir(at, { recursive: true });
  await writeFile(join(at, 'index.js'), source);
}

function working(name: string): string {
  return `
  const util = require('node:util');
  module.exports = {
    seenAtLoad: { name: ${JSON.stringify(name)}, ops: process.env.TF_DETERMINISTIC_OPS, cudnn: process.env.TF_CUDNN_DETERMINISTIC,
      shim: util.isNullOrUndefined(null) && util.isArray([]) },
    version: { tfjs: '4.22.0', 'tfjs-node': '4.22.0' },
    setBackend: async () => true,
    ready: async () => {},
    backend: () => ({ write() {} }),
    findBackend: () => ({}),
    getKernel: () => ({ kernelFunc() {} }),
    unregisterKernel() {},
    registerKernel() {},
  };`;
}

describe('a native package', () => {
  it('goes before wasm, the one for GPUs first, with flags and shims in place when it loads', async () => {
    await install('tfjs-node', working('cpu'));
    await install('tfjs-node-gpu', working('gpu'));
    const { stdout, stderr } = openIn(folder);
    expect(stderr).not.toContain('Error');
    expect(JSON.parse(stdout)).toMatchObject({
      backend: 'tensorflow',
      seen: { name: 'gpu', ops: '1', cudnn: '1', shim: true },
      runtime: {
        backend: 'tensorflow',
        versions: {
          'tfjs-node-gpu': '4.22.0',
          flags: `TF_DETERMINISTIC_OPS=1 TF_CUDNN_DETERMINISTIC=1 TF_ENABLE_ONEDNN_OPTS=chosen TF_NUM_INTRAOP_THREADS=${availableParallelism()}`,
          cpu: expect.any(String),
        },
      },
    });
  });

  it('that is installed but does not load stops the job instead of training slowly', async () => {
    await install('tfjs-node', "throw new Error('libtensorflow.so.2: cannot open shared object file');");
    const { stdout, stderr } = openIn(folder);
    expect(stdout).toBe('');
    expect(stderr).toContain('@tensorflow/tfjs-node is installed but does not load: libtensorflow.so.2');
  });

  it('that is asked for but not installed is named with what to do', async () => {
    await expect(openBackend('tensorflow')).rejects.toThrow(UnfitError);
    await expect(openBackend('tensorflow')).rejects.toMatchObject({
      hint: expect.stringContaining('npm install @tensorflow/tfjs-node-gpu'),
    });
  });
});
