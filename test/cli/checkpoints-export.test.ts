import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Files, keysUnder, text } from '../lib/checkpoint/files.ts';
import { worldWithCheckpoints } from './checkpoint-world.ts';

const files: Files = {
  'checkpoint-5/model.bin': text('five'),
  'checkpoint-5/trainer_state.json': text('{}'),
};
const newer: Files = { 'checkpoint-6/model.bin': text('sixes') };

describe('checkpoints export', () => {
  it('writes the files of the newest, or of the one that is named, and says where', async () => {
    const world = await worldWithCheckpoints({ step: 5, files }, { step: 6, files: newer });
    const newest = await world.run(['checkpoints', 'export', 'job', 'out']);
    expect(newest).toMatchObject({ code: 0, out: `${join(world.cwd, 'out')}\n` });
    expect(newest.err).toBe('2-2-step6: 1 file, 5 B.\n');
    expect(readFileSync(join(world.cwd, 'out', 'checkpoint-6', 'model.bin'), 'utf8')).toBe('sixes');
    const named = await world.run(['checkpoints', 'export', 'job', 'step5', 'older', '--json']);
    expect(named.err).toBe('');
    expect(named.json).toEqual([
      {
        schemaVersion: 1,
        jobId: 'job',
        checkpoint: '2-1-step5',
        step: 5,
        epoch: 0,
        format: 'safetensors',
        dir: join(world.cwd, 'older'),
        state: null,
        weights: null,
        files: [
          { path: 'checkpoint-5/model.bin', bytes: 4 },
          { path: 'checkpoint-5/trainer_state.json', bytes: 2 },
        ],
        notes: [],
      },
    ]);
    expect((await world.run(['checkpoints', 'export', 'job', 'out'])).code).toBe(5);
    expect(readdirSync(world.cwd).toSorted()).toEqual(['.holdfast', 'older', 'out']);
  });

  it('shows how far it is on a terminal, and takes the line away', async () => {
    const world = await worldWithCheckpoints({ step: 5, files });
    const { err } = await world.run(['checkpoints', 'export', 'job', 'out'], { isTerminal: true });
    expect(err).toContain('exporting: ');
    expect(err).toContain('\r\u001B[K2-1-step5: 2 files, 6 B.\n');
  });

  it('ends with 6 and leaves nothing when a byte is damaged', async () => {
    const world = await worldWithCheckpoints({ step: 5, files });
    const { store } = await world.region();
    const keys = await keysUnder(store, 'jobs/job/checkpoints/');
    const chunk = keys.find((key) => /\/[0-9a-f]{64}$/.test(key)) ?? '';
    await store.put(chunk, text('fivE'));
    const { code, err } = await world.run(['checkpoints', 'export', 'job', 'out']);
    expect(code).toBe(6);
    expect(err).toContain('checkpoint 2-1-step5 of job job is damaged');
    expect(err).toContain('next: `holdfast checkpoints verify job --all`');
    expect(existsSync(join(world.cwd, 'out'))).toBe(false);
    expect(readdirSync(world.cwd)).toEqual(['.holdfast']);
  });

  it('refuses what it cannot mean, and writes nothing', async () => {
    const world = await worldWithCheckpoints({ step: 5, files });
    for (const [words, message] of [
      [['step5'], 'the folder to write is missing'],
      [['step5', 'a', 'b'], 'one checkpoint and one folder'],
      [['out', '--format', 'h5'], 'Formats: safetensors, layers.'],
      [['out', '--state', 'model'], 'they go with --format layers'],
      [['out', '--format', 'layers'], 'no model of TensorFlow.js'],
    ] as const) {
      const { code, err } = await world.run(['checkpoints', 'export', 'job', ...words]);
      expect(code).toBe(2);
      expect(err).toContain(message);
      expect(readdirSync(world.cwd)).toEqual(['.holdfast']);
    }
  });
});
