import type { FileHandle } from 'node:fs/promises';
import { setImmediate as yieldToEvents } from 'node:timers/promises';
import { chunkBytes } from '../../lib/contract/manifest.ts';
import type { HeldFile, HeldPiece } from '../../lib/training/state.ts';
import { writeFully } from './slots.ts';

/** Small tensors are put together into writes of this size: a model may have hundreds of them. */
const gatherBytes = 1024 * 1024;

/** Bytes given to the thread pool at a time: some 20 ms of writing, which the next step overlaps. */
const inFlightBytesMax = 64 * 1024 * 1024;

/** Bytes read from the device before the training loop gets its turn. A single tensor may be larger. */
const readBytesPerTurn = 16 * 1024 * 1024;

/**
 * Writes the pieces of a held file in order, most of it while training steps compute. `onWritten` is told how many bytes
 * from the start are final, at each chunk's end and at the end of the file.
 */
export async function writeFile(
  handle: FileHandle,
  file: HeldFile,
  onWritten: (bytes: number) => void,
): Promise<void> {
  const window = new WriteWindow(onWritten);
  let offset = 0;
  let readInTurn = 0;
  try {
    for (const bytes of gathered(file.pieces)) {
      await window.room(bytes.length);
      window.add(writeFully(handle, bytes, offset), { from: offset, to: offset + bytes.length });
      offset += bytes.length;
      readInTurn += bytes.length;
      if (readInTurn < readBytesPerTurn) continue;
      readInTurn = 0;
      await yieldToEvents();
    }
  } finally {
    // Also after a failure: the held memory is given back only when no write reads it any more.
    await window.settled();
  }
  onWritten(offset);
}

/** Pieces as buffers to write: small ones put together, large ones cut at the size of a turn. */
function* gathered(pieces: readonly HeldPiece[]): Generator<Uint8Array> {
  let parts: Uint8Array[] = [];
  let bytes = 0;
  for (const piece of pieces) {
    const read = piece.read();
    if (read.length >= gatherBytes) {
      if (bytes > 0) yield Buffer.concat(parts);
      [parts, bytes] = [[], 0];
      for (let at = 0; at < read.length; at += readBytesPerTurn)
        yield read.subarray(at, Math.min(read.length, at + readBytesPerTurn));
      continue;
    }
    parts.push(read);
    bytes += read.length;
    if (bytes < gatherBytes) continue;
    yield Buffer.concat(parts);
    [parts, bytes] = [[], 0];
  }
  if (bytes > 0) yield Buffer.concat(parts);
}

/** Writes that are under way. They may end in any order; the length that is final grows without a gap. */
class WriteWindow {
  readonly #onWritten: (bytes: number) => void;
  #open: { readonly to: number; readonly done: Promise<void>; isDone: boolean }[] = [];
  #bytes = 0;
  #final = 0;
  #told = 0;

  constructor(onWritten: (bytes: number) => void) {
    this.#onWritten = onWritten;
  }

  add(write: Promise<void>, range: { readonly from: number; readonly to: number }): void {
    const length = range.to - range.from;
    this.#bytes += length;
    const done = write.then(() => {
      entry.isDone = true;
      this.#bytes -= length;
      this.#advance();
    });
    const entry = { to: range.to, done, isDone: false };
    // A failure is thrown by whoever waits for room or for the end.
    done.catch(() => {});
    this.#open.push(entry);
  }

  /** Resolves when `bytes` more may be given to the thread pool. A single larger write goes alone. */
  async room(bytes: number): Promise<void> {
    while (this.#bytes > 0 && this.#bytes + bytes > inFlightBytesMax) await this.#open[0]?.done;
  }

  async settled(): Promise<void> {
    const results = await Promise.allSettled(this.#open.map(({ done }) => done));
    const failed = results.find((result) => result.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  }

  #advance(): void {
    while (this.#open[0]?.isDone === true) this.#final = this.#open.shift()?.to ?? this.#final;
    const whole = this.#final - (this.#final % chunkBytes);
    if (whole <= this.#told) return;
    this.#told = whole;
    this.#onWritten(whole);
  }
}
