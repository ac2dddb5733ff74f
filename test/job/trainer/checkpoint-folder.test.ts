import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  CheckpointFolder,
  globToRegExp,
  listFiles,
  lookOf,
  stepOf,
} from '../../../job/trainer/checkpoint-folder.ts';
import { manualClock } from '../../support/manual-clock.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'holdfast-folder-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const put = (path: string, text = 'x'): void => {
  mkdirSync(join(dir, path, '..'), { recursive: true });
  writeFileSync(join(dir, path), text);
};

describe('the step in the name of a checkpoint', () => {
  it.each([
    ['checkpoint-500', undefined, 500],
    ['epoch=3-step=1200.ckpt', undefined, 1200],
    ['epoch=3-step=1200.ckpt', 'epoch=(\\d+)', 3],
    ['last.ckpt', undefined, undefined],
    ['checkpoint-x', 'checkpoint-(.*)', undefined],
    ['checkpoint-12345678901234567890', undefined, undefined],
  ])('of %s by %s is %s', (name, pattern, step) => {
    expect(stepOf(name, pattern)).toBe(step);
  });
});

describe('a glob', () => {
  it('stands for names, not for regular expressions', () => {
    expect(globToRegExp('checkpoint-*').test('checkpoint-10')).toBe(true);
    expect(globToRegExp('checkpoint-*').test('.checkpoint-10')).toBe(false);
    expect(globToRegExp('a.b').test('axb')).toBe(false);
    expect(globToRegExp('step-?').test('step-7')).toBe(true);
    expect(globToRegExp('**.ckpt').test('last.ckpt')).toBe(true);
    // Forty stars that each try every length would not come back.
    expect(globToRegExp(`${'*'.repeat(40)}x`).test('a'.repeat(255))).toBe(false);
    expect(globToRegExp('step-?').test('step-77')).toBe(false);
  });
});

describe('a folder of checkpoints that are complete by rename', () => {
  it('finds what matches, by ascending step, with paths below the folder', async () => {
    put('checkpoint-10/model/weights.bin', 'ten');
    put('checkpoint-9/model/weights.bin', 'nine');
    put('.checkpoint-11/model/weights.bin', 'half');
    put('notes-12.txt');
    const folder = new CheckpointFolder(
      dir,
      { match: 'checkpoint-*', complete: { by: 'rename' } },
      manualClock(),
    );
    const found = await folder.scan();
    expect(found.map(({ step }) => step)).toEqual([9, 10]);
    expect(found.at(-1)?.files).toEqual([
      { path: 'checkpoint-10/model/weights.bin', bytes: 3, modifiedMs: expect.any(Number) },
    ]);
    renameSync(join(dir, '.checkpoint-11'), join(dir, 'checkpoint-11'));
    expect((await folder.scan()).at(-1)?.step).toBe(11);
  });

  it('takes single files too, and no empty folders', async () => {
    put('step=40.ckpt', 'whole');
    mkdirSync(join(dir, 'step=50.ckpt'));
    const folder = new CheckpointFolder(
      dir,
      { match: 'step=*.ckpt', complete: { by: 'rename' } },
      manualClock(),
    );
    expect((await folder.scan()).map(({ name, files }) => [name, files.length])).toEqual([
      ['step=40.ckpt', 1],
    ]);
  });
});

describe('a folder of checkpoints that are complete by a marker', () => {
  it('waits for the marker and for rest, and starts again when something changes', async () => {
    const clock = manualClock();
    const folder = new CheckpointFolder(
      dir,
      { match: 'checkpoint-*', complete: { by: 'marker', file: 'trainer_state.json', unchangedMs: 2_000 } },
      clock,
    );
    put('checkpoint-5/model.bin', 'half');
    expect(await folder.scan()).toEqual([]);
    await clock.advance(5_000);
    expect(await folder.scan()).toEqual([]);
    put('checkpoint-5/trainer_state.json', '{}');
    expect(await folder.scan()).toEqual([]);
    await clock.advance(1_900);
    put('checkpoint-5/model.bin', 'whole now');
    expect(await folder.scan()).toEqual([]);
    await clock.advance(1_999);
    expect(await folder.scan()).toEqual([]);
    await clock.advance(1);
    expect((await folder.scan()).map(({ step }) => step)).toEqual([5]);
  });
});

describe('a list of files', () => {
  it('is empty for what vanished, and tells rewritten files apart', async () => {
    expect(await listFiles(dir, 'gone')).toEqual([]);
    put('a/1', 'one');
    const before = lookOf(await listFiles(dir, 'a'));
    put('a/1', 'ONE!');
    expect(lookOf(await listFiles(dir, 'a'))).not.toBe(before);
  });
});
