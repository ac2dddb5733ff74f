import type { FileHandle } from 'node:fs/promises';

/** Some bytes of a file to write. */
export interface Part {
  readonly bytes: number;
  /** A view of memory that may move, made anew at each call, or bytes that stay where they are. */
  give(): Uint8Array;
}

/** Memory that moved this often under one write moves all the time: then a copy is written. */
const viewsMax = 3;

/**
 * Writes parts in a row from `offset`, without copying them: what is given is given to the system in the same turn. Where
 * memory was moved while it was being read, as the heap of WebAssembly is when it grows, its old place may have been
 * anything by the end of the write. A view shows that by being detached, and is then made and written again.
 */
export async function writeParts(handle: FileHandle, parts: readonly Part[], offset: number): Promise<void> {
  for (let count = 1; ; count++) {
    const buffers = parts.map((part) => (count > viewsMax ? part.give().slice() : part.give()));
    const failure = await failureOf(writeBuffers(handle, buffers, offset));
    if (buffers.some((buffer, index) => buffer.length !== parts[index]?.bytes)) continue;
    if (failure !== undefined) throw failure.error;
    return;
  }
}

async function failureOf(work: Promise<void>): Promise<{ readonly error: unknown } | undefined> {
  try {
    await work;
    return undefined;
  } catch (error) {
    return { error };
  }
}

/** Writes all of it: a single write may be short. */
async function writeBuffers(
  handle: FileHandle,
  buffers: readonly Uint8Array[],
  offset: number,
): Promise<void> {
  let [left, at] = [buffers, offset];
  while (left.length > 0) {
    const { bytesWritten } = await handle.writev(left, at);
    at += bytesWritten;
    left = without(left, bytesWritten);
  }
}

function without(buffers: readonly Uint8Array[], bytes: number): readonly Uint8Array[] {
  let skip = bytes;
  return buffers.flatMap((buffer) => {
    const skipped = Math.min(skip, buffer.length);
    skip -= skipped;
    return skipped === buffer.length ? [] : [buffer.subarray(skipped)];
  });
}
