import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
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
