import { existsSync, mkdtempSync, rmSync, statfsSync, statSync } from 'node:fs';
import { type FileHandle, open, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { DrainPace } from '../../../job/trainer/drain-pace.ts';
import { Slots, writeFully } from '../../../job/trainer/slots.ts';
import { stageSnapshot } from '../../../job/trainer/stage-snapshot.ts';
import { writeFiles } from '../../../job/trainer/write-files.ts';
import { UnfitError } from '../../../lib/base/errors.ts';
import { chunkBytes } from '../../../lib/contract/manifest.ts';
import type { TrainerMessage } from '../../../lib/contract/trainer-messages.ts';
import type { HeldFile } from '../../../lib/training/state.ts';
import { manualClock } from '../../support/manual-clock.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'slots-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

/** A file of pieces of these sizes, each filled with its number. */
function held(path: string, sizes: readonly number[]): HeldFile & { readonly content: Buffer } {
  const buffers = sizes.map((size, at) => Buffer.alloc(size, at + 1));
  return {
    path,
    bytes: sizes.reduce((sum, size) => sum + size, 0),
    pieces: buffers.map((bytes) => ({ bytes: bytes.length, read: () => bytes })),
    content: Buffer.concat(buffers),
  };
}

const pace = (): DrainPace => new DrainPace(manualClock());
const lengthOf = (buffers: readonly Uint8Array[]): number =>
  buffers.reduce((sum, buffer) => sum + buffer.length, 0);

/** Nothing else of a handle is used. */
function onlyWriting(handle: object): FileHandle {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return handle as FileHandle;
}

describe('writeFiles', () => {
  it.each([
    ['small pieces', [10, 0, 300, 7]],
    ['a large piece between small ones', [10, 3_000_000, 5]],
    ['many small pieces that make a large file', Array.from({ length: 700 }, () => 30_000)],
    ['a piece larger than a turn', [40_000_000, 1]],
    ['nothing', []],
  ])('writes %s, and tells a length that only grows to the end', async (_, sizes) => {
    const file = held('a', sizes);
    const handle = await open(join(dir, 'a'), 'w+');
    const told: number[] = [];
    await writeFiles([{ handle, file, onWritten: (bytes) => told.push(bytes) }], pace());
    await handle.close();
    expect((await readFile(join(dir, 'a'))).equals(file.content)).toBe(true);
    expect(told).toEqual(told.toSorted((one, other) => one - other));
    expect(told.at(-1)).toBe(file.bytes === 0 ? undefined : file.bytes);
    for (const bytes of told.slice(0, -1)) expect(bytes % chunkBytes).toBe(0);
  });

  it('tells a length only when every byte below it is written, in whatever order writes end', async () => {
    const writes = 5;
    const file = held(
      'a',
      Array.from({ length: writes * 8 }, () => 1024 * 1024),
    );
    const finished: (() => void)[] = [];
    const ends: number[] = [];
    // Writes end from the last to the first.
    const handle = {
      writev: (buffers: readonly Uint8Array[], at: number) =>
        new Promise((resolve) => {
          finished.push(() => {
            ends.push(at);
            resolve({ bytesWritten: lengthOf(buffers) });
          });
          if (finished.length === writes) for (const finish of finished.toReversed()) finish();
        }),
    };
    const told: { bytes: number; ended: number }[] = [];
    await writeFiles(
      [
        {
          handle: onlyWriting(handle),
          file,
          onWritten: (bytes) => told.push({ bytes, ended: ends.length }),
        },
      ],
      pace(),
    );
    expect(ends[0]).toBeGreaterThan(ends.at(-1) ?? 0);
    expect(told.at(-1)?.bytes).toBe(file.bytes);
    expect(told.every(({ ended }) => ended === writes)).toBe(true);
  });

  it('waits for every write under way before it fails', async () => {
    let isOpen = true;
    let lateWrites = 0;
    const handle = {
      writev: async (buffers: readonly Uint8Array[], at: number) => {
        if (at === 0) throw Object.assign(new Error('no space'), { code: 'ENOSPC' });
        await new Promise((resolve) => setImmediate(resolve));
        if (!isOpen) lateWrites++;
        return { bytesWritten: lengthOf(buffers) };
      },
    };
    const file = held('a', [10_000_000, 10_000_000]);
    const writing = writeFiles([{ handle: onlyWriting(handle), file, onWritten() {} }], pace());
    await expect(writing).rejects.toThrow('no space');
    isOpen = false;
    await new Promise((resolve) => setImmediate(resolve));
    expect(lateWrites).toBe(0);
  });

  it('goes on where a write was short', async () => {
    const written: number[][] = [];
    const handle = {
      write: async (_bytes: Uint8Array, from: number, length: number, at: number) => {
        written.push([from, length, at]);
        return { bytesWritten: Math.min(4, length) };
      },
    };
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    await writeFully(handle as unknown as FileHandle, new Uint8Array(10), 100);
    expect(written).toEqual([
      [0, 10, 100],
      [4, 6, 104],
      [8, 2, 108],
    ]);
  });
});

describe('a state of many files', () => {
  it('has its first chunk announced while most is still to be read, also where no step is taken', async () => {
    const sizes = [3_000_000, 9_000_000, ...Array.from({ length: 30 }, () => 2_000_000)];
    const files = sizes.map((size, at) => held(`state-${at}`, [100, size - 100]));
    const total = sizes.reduce((sum, size) => sum + size, 0);
    const toldWhenRead: number[] = [];
    let [read, ms] = [0, 0];
    const targets = files.map((file) => {
      const written = Buffer.alloc(file.bytes);
      const handle = onlyWriting({
        async writev(buffers: readonly Uint8Array[], at: number) {
          written.set(Buffer.concat(buffers), at);
          return { bytesWritten: lengthOf(buffers) };
        },
      });
      const pieces = file.pieces.map((piece) => ({
        bytes: piece.bytes,
        read() {
          read += piece.bytes;
          return piece.read();
        },
      }));
      const onWritten = (bytes: number): void => void (bytes >= chunkBytes && toldWhenRead.push(read));
      return { handle, written, content: file.content, file: { ...file, pieces }, onWritten };
    });
    // Reading takes its time, so that turns are given although nothing is waited for.
    await writeFiles(targets, new DrainPace({ ...manualClock(), monotonicMs: () => (ms += 0.5) }));
    expect(toldWhenRead[0]).toBeLessThan(total / 3);
    for (const { written, content } of targets) expect(written.equals(content)).toBe(true);
  });
});

describe('a slot', () => {
  it('is written over, shorter or longer than before, and keeps its length', async () => {
    const slots = new Slots(dir);
    const [long, short] = [held('a', [9_000]), held('a', [50])];
    await slots.reserve([long]);
    for (const file of [long, short]) {
      const slot = slots.free();
      if (slot === undefined) throw new Error('no slot is free');
      await writeFiles([{ handle: await slot.file('a'), file, onWritten() {} }], pace());
    }
    const bytes = await readFile(join(dir, 'slot-0', 'a'));
    expect(bytes).toHaveLength(9_000);
    expect(bytes.subarray(0, 50).equals(short.content)).toBe(true);
    expect((await readFile(join(dir, 'slot-1', 'a'))).equals(Buffer.alloc(9_000))).toBe(true);
  });

  it('is the only one where a second would fill the memory of the machine', async (context) => {
    const memory = '/dev/shm';
    const isTmpfs = existsSync(memory) && statfsSync(memory).type === 0x01021994;
    context.skip(!isTmpfs, 'there is no tmpfs at /dev/shm here');
    const inMemory = mkdtempSync(join(memory, 'holdfast-slots-'));
    onTestFinished(() => rmSync(inMemory, { recursive: true }));
    const slots = new Slots(inMemory, { secondInMemoryMaxBytes: 9_000 });
    await slots.reserve([{ path: 'a', bytes: 9_000 }]);
    expect(slots.count).toBe(2);
    await slots.reserve([{ path: 'a', bytes: 9_001 }]);
    // What the second had reserved before the state grew is given back.
    expect(slots.count).toBe(1);
    expect(statSync(join(inMemory, 'slot-1', 'a')).size).toBe(0);
    expect(statSync(join(inMemory, 'slot-0', 'a')).size).toBe(9_001);
  });

  it('that cannot be reserved for another reason than room is told as such', async () => {
    const slots = new Slots(join(dir, 'file-instead-of-folder'));
    const handle = await open(join(dir, 'file-instead-of-folder'), 'w');
    await handle.close();
    await expect(slots.reserve([{ path: 'a', bytes: 1 }])).rejects.toThrow(UnfitError);
    await expect(slots.reserve([{ path: 'a', bytes: 1 }])).rejects.toThrow(/cannot be staged/);
  });
});

describe('stageSnapshot', () => {
  it('announces, writes, tells and ends, and releases what was held, whether it succeeds or not', async () => {
    for (const isFull of [false, true]) {
      const slots = new Slots(join(dir, String(isFull)));
      await slots.reserve([]);
      const slot = slots.free();
      if (slot === undefined) throw new Error('no slot is free');
      const file = held('deep/a', [10]);
      let isReleased = false;
      const broken: HeldFile = {
        ...file,
        pieces: [
          {
            bytes: 10,
            read: () => {
              throw new Error('device lost');
            },
          },
        ],
      };
      const messages: TrainerMessage[] = [];
      const { isStaged } = await stageSnapshot(
        {
          slot,
          id: 't1',
          reason: 'policy',
          compatibility: { seed: 1 },
          snapshot: {
            position: { step: 3, epoch: 0, example: 9 },
            files: [isFull ? broken : file],
            best: { metric: 'x', value: 1 },
            omitted: [],
            release: () => {
              isReleased = true;
            },
          },
        },
        { send: (message) => messages.push(message), pace: pace() },
      );
      expect(isStaged).toBe(!isFull);
      expect(isReleased).toBe(true);
      expect(messages[0]).toEqual({
        kind: 'staging',
        slot: 0,
        id: 't1',
        reason: 'policy',
        step: 3,
        epoch: 0,
        example: 9,
        compatibility: { seed: 1 },
        files: [{ path: 'deep/a', bytes: 10 }],
        best: { metric: 'x', value: 1 },
      });
      expect(messages.slice(1)).toEqual(
        isFull
          ? [{ kind: 'abandoned', slot: 0, id: 't1', why: 'device lost' }]
          : [
              { kind: 'written', slot: 0, id: 't1', path: 'deep/a', bytes: 10 },
              { kind: 'staged', slot: 0, id: 't1' },
            ],
      );
    }
  });
});
