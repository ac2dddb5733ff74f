import { assert } from '../base/assert.ts';
import type { Chunk, ManifestFile } from '../contract/manifest.ts';
import { readChunk } from './read-chunk.ts';
import type { DownloadPorts } from './verified-get.ts';

/** Sixteen chunks of the usual 8 MiB: what four lanes that compare two files use at once, and as much again. */
const keptBytesMax = 128 * 1024 * 1024;

/** Reads ranges of a checkpoint's files; every byte is verified. Chunks read lately are kept, up to a limit. */
export class ChunkReader {
  readonly #ports: DownloadPorts;
  readonly #keptBytesMax: number;
  /** By digest, the one that was used last at the end: equal chunks of two checkpoints are fetched once. */
  readonly #kept = new Map<string, { readonly bytes: number; readonly body: Promise<Uint8Array> }>();
  #keptBytes = 0;
  #readBytes = 0;

  constructor(ports: DownloadPorts, options: { readonly keptBytesMax?: number } = {}) {
    this.#ports = ports;
    this.#keptBytesMax = options.keptBytesMax ?? keptBytesMax;
  }

  /** Raw bytes of all chunks that were fetched so far. */
  get readBytes(): number {
    return this.#readBytes;
  }

  /**
   * Bytes `offset` (inclusive) to `offset + length`: a view of a chunk that others may read as well, or a copy where the
   * range spans several.
   * @throws DamagedObjectError; errors of the store
   */
  async read(file: ManifestFile, range: FileRange, signal: AbortSignal): Promise<Uint8Array> {
    const { offset, length } = range;
    assert(offset >= 0 && offset + length <= file.bytes, 'a range lies within its file', { path: file.path });
    const parts: Uint8Array[] = [];
    for (const { chunk, begin, end } of chunksIn(file, range)) {
      const body = await this.#chunk(chunk, signal);
      parts.push(body.subarray(begin, end));
    }
    const [only] = parts;
    return parts.length === 1 && only !== undefined ? only : Buffer.concat(parts, length);
  }

  #chunk(chunk: Chunk, signal: AbortSignal): Promise<Uint8Array> {
    const { sha256, bytes } = chunk;
    const known = this.#kept.get(sha256);
    if (known !== undefined) {
      this.#kept.delete(sha256);
      this.#kept.set(sha256, known);
      return known.body;
    }
    const body = readChunk(this.#ports, chunk, signal);
    this.#kept.set(sha256, { bytes, body });
    this.#keptBytes += bytes;
    this.#readBytes += bytes;
    this.#forgetOldest();
    // Whoever waits for it is told; another reader shall not find the failure here.
    body.catch(() => this.#forget(sha256));
    return body;
  }

  #forgetOldest(): void {
    for (const sha256 of [...this.#kept.keys()].slice(0, -1)) {
      if (this.#keptBytes <= this.#keptBytesMax) return;
      this.#forget(sha256);
    }
  }

  #forget(sha256: string): void {
    const kept = this.#kept.get(sha256);
    if (kept === undefined) return;
    this.#kept.delete(sha256);
    this.#keptBytes -= kept.bytes;
  }
}

export interface FileRange {
  readonly offset: number;
  readonly length: number;
}

/** A chunk with the part of it that lies in a range: offsets within the chunk. */
export interface ChunkPart {
  readonly chunk: Chunk;
  readonly begin: number;
  readonly end: number;
}

/** The chunks that a range of a file touches, in order. */
export function chunksIn(file: ManifestFile, { offset, length }: FileRange): readonly ChunkPart[] {
  const parts: ChunkPart[] = [];
  let at = 0;
  for (const chunk of file.chunks) {
    const begin = Math.max(0, offset - at);
    const end = Math.min(chunk.bytes, offset + length - at);
    if (begin < end) parts.push({ chunk, begin, end });
    at += chunk.bytes;
    if (at >= offset + length) break;
  }
  return parts;
}

/** A range as pieces of at most a chunk each, to be read when they are needed. */
export function piecesOf(
  reader: ChunkReader,
  file: ManifestFile,
  range: FileRange,
): ReadonlyArray<{ readonly bytes: number; read(signal: AbortSignal): Promise<Uint8Array> }> {
  let offset = range.offset;
  return chunksIn(file, range).map(({ begin, end }) => {
    const piece = { offset, length: end - begin };
    offset += piece.length;
    return { bytes: piece.length, read: (signal) => reader.read(file, piece, signal) };
  });
}

/** Offsets at which the chunks of a file end. */
export function cutsOf(file: ManifestFile): readonly number[] {
  let at = 0;
  return file.chunks.map(({ bytes }) => (at += bytes));
}
