import type { FileHandle } from 'node:fs/promises';
import { setImmediate as yieldToEvents } from 'node:timers/promises';
import { assert } from '../../lib/base/assert.ts';
import { chunkBytes } from '../../lib/contract/manifest.ts';
import type { HeldFile, HeldPiece } from '../../lib/training/state.ts';
import type { DrainPace } from './drain-pace.ts';
import { type Part, writeParts } from './write-parts.ts';

/** Copies that wait for the thread pool: memory beside the state. */
const copiedInFlightMax = 64 * 1024 * 1024;

/**
 * Views that wait for it are no memory. Some tenth of a second of writing, which the next step overlaps; longer, and the
 * program's own reading of files would feel it.
 */
const inFlightMax = 256 * 1024 * 1024;

/** One call of the system takes 1024 buffers; more than this do not make it faster. */
const partsMax = 128;

export interface FileToWrite {
  readonly handle: FileHandle;
  readonly file: HeldFile;
  /** The first `bytes` of the file are final: told at each chunk's end and at the end of the file. */
  readonly onWritten: (bytes: number) => void;
}

/**
 * Writes held files. The thread pool works while training steps compute; what each step waits for is the reading of a
 * few tensors, or only their submission where memory can be written as it lies. A write ends where a chunk ends, so that
 * the first chunk can be sent as soon as it is there. Answers of the pool are heard only between two steps.
 */
export async function writeFiles(files: readonly FileToWrite[], pace: DrainPace): Promise<void> {
  const writes = new WritesInFlight();
  try {
    for (const target of files) {
      const writer = new FileWriter(target, { writes, pace });
      for (const piece of pace.spend(() => target.file.pieces)) await writer.add(piece);
      await writer.end();
    }
  } finally {
    // Also after a failure: the held memory may be given back only when no write reads it any more.
    await writes.settled();
  }
}

/** Puts the pieces of one file together into writes. */
class FileWriter {
  readonly #target: FileToWrite;
  readonly #writes: WritesInFlight;
  readonly #pace: DrainPace;
  readonly #progress: FileProgress;
  /** Where the parts below begin in the file. */
  #offset = 0;
  #parts: Part[] = [];
  #bytes = 0;
  /** Of these, copies. */
  #copiedBytes = 0;

  constructor(target: FileToWrite, means: { readonly writes: WritesInFlight; readonly pace: DrainPace }) {
    this.#target = target;
    this.#writes = means.writes;
    this.#pace = means.pace;
    this.#progress = new FileProgress(target.file.bytes, target.onWritten);
  }

  async add(piece: HeldPiece): Promise<void> {
    const give = piece.view?.bind(piece) ?? (await this.#copied(piece));
    for (let from = 0; from < piece.bytes;) {
      const bytes = Math.min(piece.bytes - from, chunkBytes - ((this.#offset + this.#bytes) % chunkBytes));
      const begin = from;
      this.#parts.push({ bytes, give: () => give().subarray(begin, begin + bytes) });
      this.#bytes += bytes;
      from += bytes;
      const isAtChunksEnd = (this.#offset + this.#bytes) % chunkBytes === 0;
      if (isAtChunksEnd || this.#parts.length === partsMax) await this.#submit();
    }
  }

  async end(): Promise<void> {
    if (this.#bytes > 0) await this.#submit();
    const { path, bytes } = this.#target.file;
    assert(this.#offset === bytes, 'the pieces of a held file make up its length', { path });
  }

  async #copied(piece: HeldPiece): Promise<() => Uint8Array> {
    // Room first: what is read takes memory until it is written.
    await this.#writes.room({ bytes: 0, copiedBytes: piece.bytes });
    if (this.#pace.isOver(piece.bytes)) await this.#giveTurn();
    const copy = this.#pace.read(piece);
    this.#copiedBytes += copy.length;
    return () => copy;
  }

  async #submit(): Promise<void> {
    const [parts, bytes, offset] = [this.#parts, this.#bytes, this.#offset];
    const load = { bytes, copiedBytes: this.#copiedBytes };
    await this.#writes.room(load);
    if (this.#pace.isOver(0)) await this.#giveTurn();
    const end = this.#progress.expect(offset + bytes);
    const write = this.#pace.spend(() => writeParts(this.#target.handle, parts, offset));
    this.#writes.add(
      load,
      write.then(() => this.#pace.spend(end)),
    );
    this.#offset += bytes;
    [this.#parts, this.#bytes, this.#copiedBytes] = [[], 0, 0];
  }

  async #giveTurn(): Promise<void> {
    await yieldToEvents();
    this.#pace.turned();
  }
}

/** What a write asks of the thread pool and of memory. */
interface Load {
  readonly bytes: number;
  /** Bytes of copies that are made for it. */
  readonly copiedBytes: number;
}

/** Writes that are under way, over all files. */
class WritesInFlight {
  readonly #open = new Set<Promise<void>>();
  #bytes = 0;
  #copiedBytes = 0;
  #failure: { readonly error: unknown } | undefined;

  add(load: Load, write: Promise<void>): void {
    this.#bytes += load.bytes;
    this.#copiedBytes += load.copiedBytes;
    const ended = write
      .catch((error: unknown) => {
        this.#failure ??= { error };
      })
      .finally(() => {
        this.#bytes -= load.bytes;
        this.#copiedBytes -= load.copiedBytes;
        this.#open.delete(ended);
      });
    this.#open.add(ended);
  }

  /** Resolves when there is room for this too. A single larger one goes alone. */
  async room({ bytes, copiedBytes }: Load): Promise<void> {
    while (
      (this.#bytes > 0 && this.#bytes + bytes > inFlightMax) ||
      (this.#copiedBytes > 0 && this.#copiedBytes + copiedBytes > copiedInFlightMax)
    )
      await Promise.race(this.#open);
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
