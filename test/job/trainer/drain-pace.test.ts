import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DrainPace, sliceMs } from '../../../job/trainer/drain-pace.ts';
import { writeFiles } from '../../../job/trainer/write-files.ts';
import type { Clock } from '../../../lib/base/clock.ts';
import type { HeldFile } from '../../../lib/training/state.ts';
import { manualClock } from '../../support/manual-clock.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'drain-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const mebibyte = 1024 * 1024;

/** A clock that only reads let go on. */
function readClock(): Clock & { ms: number } {
  const clock = { ...manualClock(), ms: 0, monotonicMs: () => clock.ms };
  return clock;
}

/** Tensors of a device that gives a MiB in a millisecond, and a log of how long each turn of reading took. */
function device(clock: { ms: number }, sizes: readonly number[]) {
  const turns: number[] = [0];
  const file: HeldFile = {
    path: 'state',
    bytes: sizes.reduce((sum, size) => sum + size, 0),
    pieces: sizes.map((bytes, index) => ({
      bytes,
      read() {
        clock.ms += bytes / mebibyte;
        turns[turns.length - 1]! += bytes / mebibyte;
        return Buffer.alloc(bytes, index + 1);
      },
    })),
  };
  return { file, turns };
}

/** Reads while a loop takes steps of this length; how long each step had to wait. */
async function drained(stepMs: number | undefined, sizes: readonly number[]): Promise<readonly number[]> {
  const clock = readClock();
  const { file, turns } = device(clock, sizes);
  const pace = new DrainPace(clock);
  const handle = await open(join(dir, 'state'), 'w+');
  for (let count = 0; stepMs !== undefined && count < 5; count++) pace.stepped(stepMs);
  let isDone = false;
  const writing = writeFiles([{ handle, file, onWritten() {} }], pace).finally(() => (isDone = true));
  while (!isDone) {
    await turn();
    turns.push(0);
    if (stepMs !== undefined) pace.stepped(stepMs);
  }
  await writing;
  await handle.close();
  const content = Buffer.concat(sizes.map((bytes, index) => Buffer.alloc(bytes, index + 1)));
  expect(readFileSync(join(dir, 'state')).equals(content)).toBe(true);
  return turns.filter((ms) => ms > 0);
}

describe('a slice', () => {
  it('is two percent of the shortest recent step, and two milliseconds at least', () => {
    expect(sliceMs([])).toBe(2);
    expect(sliceMs([10, 20])).toBe(2);
    expect(sliceMs([60_000, 1_000, 1_100])).toBe(20);
  });

  it('forgets steps of long ago', () => {
    const clock = readClock();
    const pace = new DrainPace(clock);
    const canSpend = (ms: number): boolean => {
      pace.turned();
      pace.spend(() => (clock.ms += ms));
      return !pace.isOver(0);
    };
    for (const stepMs of [30, 1_000, 1_000, 1_000, 1_000]) pace.stepped(stepMs);
    expect([canSpend(2), canSpend(19)]).toEqual([true, false]);
    pace.stepped(1_000);
    expect([canSpend(19), canSpend(21)]).toEqual([true, false]);
  });
});

describe('reading from a device', () => {
  const tensors = Array.from({ length: 24 }, () => mebibyte);

  it('takes longer turns the longer steps are', async () => {
    const short = await drained(50, tensors);
    const long = await drained(500, tensors);
    expect(short.length).toBeGreaterThanOrEqual(12);
    expect(Math.max(...short)).toBeLessThanOrEqual(2);
    expect(long.length).toBeLessThan(6);
    expect(Math.max(...long)).toBeLessThanOrEqual(10);
  });

  it('reads a tensor that is larger than a slice in a turn of its own', async () => {
    const turns = await drained(50, [mebibyte, 12 * mebibyte, mebibyte]);
    expect(turns).toEqual([1, 12, 1]);
  });

  it('says what it took in all', async () => {
    const clock = readClock();
    const { file } = device(clock, tensors);
    const pace = new DrainPace(clock);
    const handle = await open(join(dir, 'state'), 'w+');
    await writeFiles([{ handle, file, onWritten() {} }], pace);
    await handle.close();
    expect(pace.stolenMs).toBe(24);
  });
});
