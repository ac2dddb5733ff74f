import { describe, expect, it } from 'vitest';
import type { Files } from '../lib/checkpoint/files.ts';
import { floats, tensorFile, trainerFile } from '../support/checkpoint-region.ts';
import { worldWithCheckpoints } from './checkpoint-world.ts';

const files = (kernel: readonly number[], learningRate: number): Files => ({
  'model.safetensors': tensorFile([
    floats('a/very/long/name/of/a/tensor/in/a/deep/model/kernel', kernel),
    floats('bias', [1, kernel[0] ?? 0]),
    floats('frozen', [1, 2]),
  ]),
  'trainer.json': trainerFile({ params: { learningRate } }),
});

describe('checkpoints diff', () => {
  it('shows what changed most first, and ends with 0', async () => {
    const world = await worldWithCheckpoints(
      { step: 120, files: files([100, 100], 0.01) },
      { step: 180, files: files([101, 100], 0.02) },
    );
    const { code, out, err } = await world.run(['checkpoints', 'diff', 'job', 'step120']);
    expect(code).toBe(0);
    expect(err).toBe('');
    const [a, b, ...rest] = out.trimEnd().split('\n');
    expect(a).toMatch(/^A {2}job 2-1-step120 · step 120 · epoch 0 · policy · \d/);
    expect(b).toMatch(/^B {2}job 2-2-step180 · step 180 · epoch 0 · policy · \d/);
    expect(rest).toEqual([
      '',
      'VALUE                           A     B',
      'step                            120   180',
      'parameters params.learningRate  0.01  0.02',
      '',
      'STATE  KIND   CHANGE',
      'model  model  changed',
      '',
      'RELATIVE  L2  MAX CHANGE  CHANGED  TENSOR',
      '    0.01   1           1     50 %  model bias',
      '0.007071   1           1     50 %  model a/very/long/name/of/a/tensor/in/a/deep/model/kernel',
      '1 tensor beside them unchanged.',
    ]);
  });

  it('has a shape that programs can rely on with --json, and 0 for equal ones as well', async () => {
    const world = await worldWithCheckpoints({ step: 120, files: files([100, 100], 0.01) });
    const { code, json } = await world.run(['checkpoints', 'diff', 'job', 'latest', 'step120', '--json']);
    expect(code).toBe(0);
    const side = {
      jobId: 'job',
      id: '2-1-step120',
      step: 120,
      epoch: 0,
      example: 0,
      reason: 'policy',
      at: expect.any(String),
      bytes: expect.any(Number),
      omitted: [],
    };
    const file = {
      change: 'unchanged',
      bytes: { a: expect.any(Number), b: expect.any(Number) },
      digest: { a: expect.stringMatching(/^[0-9a-f]{64}$/), b: expect.stringMatching(/^[0-9a-f]{64}$/) },
      sharedBytes: expect.any(Number),
      tensors: null,
    };
    expect(json).toEqual([
      {
        schemaVersion: 1,
        a: side,
        b: side,
        isEqual: true,
        warnings: [],
        states: [{ name: 'model', kind: { a: 'model', b: 'model' }, change: 'unchanged' }],
        files: [
          { ...file, path: 'model.safetensors', state: 'model', isTensorFile: true },
          { ...file, path: 'trainer.json', state: null, isTensorFile: false },
        ],
        values: [],
        compatibility: [],
        readBytes: expect.any(Number),
      },
    ]);
  });

  it('warns of a save that saved nothing new, and tells every tensor with --json', async () => {
    const world = await worldWithCheckpoints(
      { step: 1, files: files([2, 2], 0.01) },
      { step: 2, files: files([2, 2], 0.02) },
      { step: 3, files: files([2, 3], 0.02) },
    );
    const stale = await world.run(['checkpoints', 'diff', 'job', 'step1', 'step2']);
    expect(stale.code).toBe(0);
    expect(stale.err).toContain('warning: step 1 and step 2 hold the same trained tensors, bit for bit');
    const { json, err } = await world.run(['checkpoints', 'diff', 'job', '2', '3', '--json']);
    expect(err).toBe('');
    expect(json[0]).toMatchObject({
      isEqual: false,
      files: [
        {
          tensors: [
            {
              kind: 'changed',
              name: 'a/very/long/name/of/a/tensor/in/a/deep/model/kernel',
              a: { dtype: 'F32', shape: [2] },
              b: { dtype: 'F32', shape: [2] },
              change: {
                elements: 2,
                changedElements: 1,
                l2: 1,
                normA: Math.sqrt(8),
                relative: 1 / Math.sqrt(8),
                maxAbs: 1,
                nan: { a: 0, b: 0 },
                infinite: { a: 0, b: 0 },
              },
            },
            { kind: 'unchanged', name: 'bias' },
            { kind: 'unchanged', name: 'frozen' },
          ],
        },
        { path: 'trainer.json', tensors: null },
      ],
    });
  });

  it('ends with 3 where there is no such job or checkpoint', async () => {
    const world = await worldWithCheckpoints({ step: 1, files: files([2, 2], 0.01) });
    expect((await world.run(['checkpoints', 'diff', 'job', 'step7'])).code).toBe(3);
    expect((await world.run(['checkpoints', 'diff', 'job', 'step1', '--with', 'other'])).code).toBe(3);
  });
});
