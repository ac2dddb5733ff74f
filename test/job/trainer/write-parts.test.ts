import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Part, writeParts } from '../../../job/trainer/write-parts.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'write-parts-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const page = 65_536;

interface HeapMemory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}
/** Not in the types that this project compiles with. */
// oxlint-disable-next-line typescript/no-unsafe-type-assertion
const { Memory } = Reflect.get(globalThis, 'WebAssembly') as {
  readonly Memory: new (size: { initial: number; maximum: number }) => HeapMemory;
};

/** A heap as that of the wasm backend, filled with a pattern. */
function heap(pages: number): { readonly memory: HeapMemory; readonly content: Buffer } {
  const memory = new Memory({ initial: pages, maximum: 4 * pages });
  const bytes = new Uint8Array(memory.buffer);
  for (let at = 0; at < bytes.length; at++) bytes[at] = (at * 7 + (at >> 8)) & 0xff;
  return { memory, content: Buffer.from(bytes) };
}

function partOf(memory: HeapMemory, from: number, bytes: number): Part {
  return { bytes, give: () => new Uint8Array(memory.buffer, from, bytes) };
}

/** Nothing else of a handle is used. */
function onlyWriting(writev: (buffers: readonly Uint8Array[], at: number) => Promise<unknown>): FileHandle {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return { writev } as unknown as FileHandle;
}

describe('a write of memory that grows meanwhile', () => {
  it('ends with the right bytes in the file, with many writes under way', async () => {
    const pages = 256;
    const { memory, content } = heap(pages);
    const handle = await open(join(dir, 'file'), 'w+');
    const views: Uint8Array[] = [];
    const writing = Array.from({ length: 16 }, (_, at) => {
      const bytes = (pages / 16) * page;
      const part = partOf(memory, at * bytes, bytes);
      const seen = {
        ...part,
        give: () => {
          const view = part.give();
          views.push(view);
          return view;
        },
      };
      return writeParts(handle, [seen], at * bytes);
    });
    memory.grow(pages);
    expect(views.every((view) => view.length === 0)).toBe(true);
    await Promise.all(writing);
    await handle.close();
    expect(readFileSync(join(dir, 'file')).equals(content)).toBe(true);
    // Each was written again, from where it lies now.
    expect(views.length).toBeGreaterThanOrEqual(32);
  });

  it('is done again where its old place held anything else, and where the system could not read that place', async () => {
    const { memory, content } = heap(4);
    const file = Buffer.alloc(content.length);
    let writes = 0;
    const handle = onlyWriting(async (buffers, at) => {
      writes++;
      const bytesWritten = buffers.reduce((sum, buffer) => sum + buffer.length, 0);
      if (writes <= 2) memory.grow(1);
      if (writes === 2) throw Object.assign(new Error('bad address'), { code: 'EFAULT' });
      // The first write reads what is left at the old address.
      file.set(writes === 1 ? Buffer.alloc(bytesWritten, 0xee) : Buffer.concat(buffers), at);
      return { bytesWritten };
    });
    await writeParts(handle, [partOf(memory, 0, page), partOf(memory, page, 3 * page)], 0);
    expect(writes).toBe(3);
    expect(file.equals(content)).toBe(true);
  });

  it('writes a copy in the end, when memory moves again and again', async () => {
    const { memory, content } = heap(4);
    const file = Buffer.alloc(content.length);
    let writes = 0;
    const handle = onlyWriting(async (buffers, at) => {
      writes++;
      memory.grow(1);
      const isDetached = buffers.some((buffer) => buffer.length === 0);
      file.set(isDetached ? Buffer.alloc(content.length, 0xee) : Buffer.concat(buffers), at);
      return { bytesWritten: content.length };
    });
    await writeParts(handle, [partOf(memory, 0, 4 * page)], 0);
    expect(writes).toBe(4);
    expect(file.equals(content)).toBe(true);
  });
});

describe('a write of parts', () => {
  it('goes on where a write was short, in the middle of a part', async () => {
    const content = Buffer.from('abcdefghijklmnopqrstuvwxyz');
    const file = Buffer.alloc(content.length + 3);
    const at: number[] = [];
    const handle = onlyWriting(async (buffers, offset) => {
      at.push(offset);
      const all = Buffer.concat(buffers).subarray(0, 7);
      file.set(all, offset);
      return { bytesWritten: all.length };
    });
    const parts = [0, 5, 5, 20].map((from, index, all) => {
      const bytes = content.subarray(from, all[index + 1] ?? content.length);
      return { bytes: bytes.length, give: () => bytes };
    });
    await writeParts(handle, parts, 3);
    expect(file.subarray(3).equals(content)).toBe(true);
    expect(at).toEqual([3, 10, 17, 24]);
  });

  it('fails with the error of the system when nothing has moved', async () => {
    const handle = onlyWriting(async () => {
      throw new Error('no space');
    });
    const bytes = Buffer.alloc(5);
    await expect(writeParts(handle, [{ bytes: 5, give: () => bytes }], 0)).rejects.toThrow('no space');
  });
});
