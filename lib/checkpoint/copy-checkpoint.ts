/**
 * A checkpoint of one job as the first of another: the chunks are copied within the store, so that afterwards neither job
 * needs anything of the other.
 */
import { sha256Hex } from '../base/digest.ts';
import { retry } from '../base/retry.ts';
import { type Chunk, type Manifest, manifestFormatOf } from '../contract/manifest.ts';
import { type CheckpointName, checkpointIdOf, objectKeys } from '../contract/object-keys.ts';
import { encodeDocument } from '../contract/parse-document.ts';
import type { ObjectStore } from '../store/object-store.ts';
import { inLanes } from './lanes.ts';
import { readChunk } from './read-chunk.ts';
import type { UploadedCheckpoint } from './upload.ts';
import { DamagedObjectError, type DownloadPorts } from './verified-get.ts';

/** Copies wait for the store and move no bytes here, unless one has to be read back: then up to 24 MiB of memory each. */
const copyLanes = 8;

/** As for a download, with a store that is written to. */
export interface CopyPorts extends DownloadPorts {
  readonly store: ObjectStore;
}

export interface CopyTarget {
  readonly jobId: string;
  /** A name whose claim is the one under which the copy will be committed. */
  readonly name: CheckpointName;
}

export interface CopyOptions {
  /** What is copied; it must be retained until this has ended. */
  readonly manifest: Manifest;
  readonly target: CopyTarget;
  readonly signal: AbortSignal;
  /** Called with the chunks that are copied and verified so far, and with how many there are. */
  readonly onProgress?: ((done: number, all: number) => void) | undefined;
}

/**
 * Copies every chunk of a checkpoint under another job's, and verifies each copy: by the digest that the store says, where
 * the chunk is stored as it is, else by reading it back. Safe to repeat, at any time and by several at once: the same
 * bytes come under the same keys.
 * @returns stored bytes of all chunks
 * @throws DamagedObjectError when the source lacks a chunk or holds other bytes; TransientError and AccessDeniedError of the store
 */
export async function copyChunks(ports: CopyPorts, options: CopyOptions): Promise<number> {
  const { manifest, target, signal, onProgress } = options;
  const chunks = new Map(
    manifest.files.flatMap((file) => file.chunks).map((chunk) => [copyOf(chunk, target).key, chunk]),
  );
  let done = 0;
  let storedBytes = 0;
  await inLanes({ lanes: copyLanes, signal }, async (lanes) => {
    const copy = async (chunk: Chunk): Promise<void> => {
      await copyChunk(ports, { chunk, target, signal: lanes.signal });
      storedBytes += chunk.stored;
      onProgress?.(++done, chunks.size);
    };
    await Promise.all([...chunks.values()].map((chunk) => lanes.run(() => copy(chunk))));
  });
  return storedBytes;
}

interface ChunkCopy {
  readonly chunk: Chunk;
  readonly target: CopyTarget;
  readonly signal: AbortSignal;
}

/** What comes out wrong is copied once more, as a download is repeated: only a second misfit is damage. */
async function copyChunk(ports: CopyPorts, copy: ChunkCopy): Promise<void> {
  const why = await copyOnce(ports, copy);
  if (why === undefined) return;
  ports.log.warn('chunk-copy-misfit', { key: copy.chunk.key, why });
  const again = await copyOnce(ports, copy);
  if (again !== undefined) throw new DamagedObjectError(`chunk ${again}.`, copy.chunk.key);
}

/** Why the copy is not the chunk that the manifest says, or undefined. */
async function copyOnce(ports: CopyPorts, { chunk, target, signal }: ChunkCopy): Promise<string | undefined> {
  const { store, clock, random } = ports;
  const own = copyOf(chunk, target);
  const copied = await retry(() => store.copy(chunk.key, own.key, { signal }), { clock, random, signal });
  if (copied.outcome === 'missing') return 'is missing from the store';
  if (chunk.codec === 'none' && copied.sha256 !== undefined)
    return copied.sha256 === chunk.sha256 ? undefined : `holds bytes with digest ${copied.sha256}`;
  try {
    await readChunk(ports, own, signal);
    return undefined;
  } catch (error) {
    if (error instanceof DamagedObjectError)
      return `did not come out whole when it was copied: ${error.message}`;
    throw error;
  }
}

function copyOf(chunk: Chunk, { jobId, name }: CopyTarget): Chunk {
  return { ...chunk, key: objectKeys.chunk(jobId, name, chunk) };
}

/**
 * Writes the manifest of a copied checkpoint, after its last chunk. It follows from its arguments to the byte, so that
 * whoever repeats this writes the same one.
 * @param facts.createdAt when the job of the target was submitted
 */
export async function putCopiedManifest(
  ports: CopyPorts,
  { manifest, target, signal }: CopyOptions,
  facts: { readonly createdAt: string; readonly storedBytes: number; readonly elapsedMs: number },
): Promise<UploadedCheckpoint> {
  const { store, clock, random } = ports;
  const { jobId, name } = target;
  const copied: Manifest = {
    ...manifest,
    format: manifestFormatOf({ ...manifest, reason: 'fork' }),
    jobId,
    ...name,
    parent: null,
    reason: 'fork',
    createdAt: facts.createdAt,
    files: manifest.files.map((file) => ({
      ...file,
      chunks: file.chunks.map((chunk) => copyOf(chunk, target)),
    })),
  };
  const body = encodeDocument(copied);
  const ref = { key: objectKeys.manifest(jobId, name), sha256: sha256Hex(body) };
  await retry(() => store.put(ref.key, body, { sha256: ref.sha256, signal }), { clock, random, signal });
  return {
    id: checkpointIdOf(name),
    name,
    manifest: copied,
    ref,
    bytes: copied.files.reduce((sum, file) => sum + file.bytes, 0),
    newBytes: facts.storedBytes,
    elapsedMs: facts.elapsedMs,
  };
}
