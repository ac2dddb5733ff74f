import type { FileHandle } from 'node:fs/promises';
import { setImmediate as yieldToEvents } from 'node:timers/promises';
import { assert } from '../../lib/base/assert.ts';
import { chunkBytes } from '../../lib/contract/manifest.ts';
import type { HeldFile, HeldPiece } from '../../lib/training/state.ts';
import { writeFully } from './slots.ts';

/** Small tensors are put together into writes of this size: a model may have hundreds of them. */
const gatherBytes = 1024 * 1024;

/** Bytes given to the thread pool at a time: some 20 ms of writing, which the next step overlaps. */
const inFlightBytesMax = 64 * 1024 * 1024;

/** Bytes read from the device before the training loop gets its turn. A single tensor may be larger. */
const readBytesPerTurn = 16 * 1024 * 1024;

export interface FileToWrite {
  readonly handle: FileHandle;
  readonly file: HeldFile;
  /** The first `bytes` of the file are final: told at each chunk's end and at the end of the file. */
  readonly onWritten: (bytes: number) => void;
}

/**
 * Writes held files. The thread pool works while training steps compute; what each step waits for is the reading of a
 * few tensors. As much as possible is given to the pool at once, because an answer of it is only heard between two steps.
 */
export async function writeFiles(files: readonly FileToWrite[]): Promise<void> {
  const writes = new WritesInFlight();
  let readInTurn = 0;
  try {
    for (const { handle, file, onWritten } of files) {
      const progress = new FileProgress(file.bytes, onWritten);
      let offset = 0;
      for (const bytes of gathered(file.pieces)) {
        await writes.room(bytes.length);
        const end = progress.expect(offset + bytes.length);
        writes.add(bytes.length, writeFully(handle, bytes, offset).then(end));
        offset += bytes.length;
        readInTurn += bytes.length;
        if (readInTurn < readBytesPerTurn) continue;
        readInTurn = 0;
        await yieldToEvents();
      }
      assert(offset === file.bytes, 'the pieces of a held file make up its length', { path: file.path });
    }
  } finally {
    // Also after a failure: the held memory may be given back only when no write reads it any more.
    await writes.settled();
  }
}

/** Pieces as buffers to write: small ones put together, large ones cut at the size of a turn. */
function* gathered(pieces: readonly HeldPiece[]): Generator<Uint8Array> {
  let parts: Uint8Array[] = [];
  let bytes = 0;
  for (const piece of pieces) {
    const read = piece.read();
    if (read.length < gatherBytes) {
      parts.push(read);
      bytes += read.length;
    }
    if (bytes >= gatherBytes || (bytes > 0 && read.length >= gatherBytes)) {
      yield Buffer.concat(parts);
      [parts, bytes] = [[], 0];
    }
    if (read.length < gatherBytes) continue;
    for (let at = 0; at < read.length; at += readBytesPerTurn)
      yield read.subarray(at, Math.min(read.length, at + readBytesPerTurn));
  }
  if (bytes > 0) yield Buffer.concat(parts);
}

/** Writes that are under way, over all files. */
class WritesInFlight {
  readonly #open = new Set<Promise<void>>();
  #bytes = 0;
  #failure: { readonly error: unknown } | undefined;

  add(bytes: number, write: Promise<void>): void {
    this.#bytes += bytes;
    const ended = write
      .catch((error: unknown) => {
        this.#failure ??= { error };
      })
      .finally(() => {
        this.#bytes -= bytes;
        this.#open.delete(ended);
      });
    this.#open.add(ended);
  }

  /** Resolves when `bytes` more may be given to the thread pool. A single larger write goes alone. */
  async room(bytes: number): Promise<void> {
    while (this.#bytes > 0 && this.#bytes + bytes > inFlightBytesMax) await Promise.race(this.#open);
    this.#throwFailure();
  }

  async settled(): Promise<void> {
    await Promise.all(this.#open);
    this.#throwFailure();
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}

/** Writes of one file may end in any order; the length that is final grows without a gap. */
class FileProgress {
  readonly #bytes: number;
  readonly #onWritten: (bytes: number) => void;
  #ranges: { readonly to: number; isDone: boolean }[] = [];
  #told = 0;

  constructor(bytes: number, onWritten: (bytes: number) => void) {
    this.#bytes = bytes;
    this.#onWritten = onWritten;
  }

  /** A write up to `to` has begun; what is returned tells that it has ended. */
  expect(to: number): () => void {
    const range = { to, isDone: false };
    this.#ranges.push(range);
    return () => {
      range.isDone = true;
      this.#tell();
    };
  }

  #tell(): void {
    let final = 0;
    while (this.#ranges[0]?.isDone === true) final = this.#ranges.shift()?.to ?? final;
    const told = final === this.#bytes ? final : final - (final % chunkBytes);
    if (told <= this.#told) return;
    this.#told = told;
    this.#onWritten(told);
  }
}
