import { assert } from '../base/assert.ts';
import type { Clock } from '../base/clock.ts';
import { type Sha256, digestOfChunks, sha256Hex } from '../base/digest.ts';
import type { Random } from '../base/random.ts';
import { retry } from '../base/retry.ts';
import type { DocumentRef } from '../contract/journal-entry.ts';
import {
  type Chunk,
  type Manifest,
  manifestFormatOf,
  type ManifestFile,
  type Runtime,
  type SaveReason,
} from '../contract/manifest.ts';
import { type CheckpointName, checkpointIdOf, objectKeys } from '../contract/object-keys.ts';
import { encodeDocument } from '../contract/parse-document.ts';
import type { ObjectStore } from '../store/object-store.ts';
import { checkManifest } from './check-manifest.ts';
import { type ChunkRange, chunkRanges } from './chunk.ts';
import { type ChunkSender, inProcessSender } from './chunk-sender.ts';
import type { CodecChooser } from './codec/choose-codec.ts';
import { KnownChunks } from './known-chunks.ts';
import { type Lanes, inLanes } from './lanes.ts';
import type { CheckpointSource } from './source.ts';
import type { ChunkVerdict } from './store-chunk.ts';

/** Everything of a checkpoint is durable, and nothing refers to it yet: only the journal commits. */
export interface UploadedCheckpoint {
  readonly id: string;
  readonly name: CheckpointName;
  readonly manifest: Manifest;
  readonly ref: DocumentRef;
  /** Raw bytes of all files. */
  readonly bytes: number;
  /** Bytes of chunks that this save had to store: neither in the parent nor twice in this checkpoint. */
  readonly newBytes: number;
  readonly elapsedMs: number;
}

export interface UploadOptions {
  readonly store: ObjectStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly jobId: string;
  /** A name that no other save has used: a key is written by one save only. */
  readonly name: CheckpointName;
  readonly source: CheckpointSource;
  /** The newest committed or restored checkpoint, whose chunks are re-used. Must be retained until this one is committed; `commitCheckpoint` checks that. */
  readonly parent?: Manifest | undefined;
  readonly epoch: number;
  readonly reason: SaveReason;
  readonly runtime: Runtime;
  readonly compatibility: Record<string, unknown>;
  /** Names of `state` that the job leaves out of its checkpoints. */
  readonly omitted?: readonly string[] | undefined;
  /** Says for each chunk how it is stored. @default as it is */
  readonly codec?: CodecChooser | undefined;
  /** Who reads, hashes and puts the chunks. @default this process */
  readonly sender?: ChunkSender | undefined;
  /** Chunks in flight at once, 8 MiB of memory each. @default as many as the sender has room for */
  readonly lanes?: number;
  readonly signal: AbortSignal;
  /** Called with the raw bytes that are durable so far, re-used ones too, growing to all there are. */
  readonly onProgress?: (durableBytes: number) => void;
}

/**
 * Makes the files of `source` durable: missing chunks in parallel, as soon as each is final, then the manifest.
 * Never asks the store what is there. Rejects only after its last request has ended; what it leaves behind then is
 * garbage that no reader can see and a later claim sweeps.
 * @throws TransientError when the store stays away; AccessDeniedError; what `source` rejects with; the reason of `signal`
 */
export async function uploadCheckpoint(options: UploadOptions): Promise<UploadedCheckpoint> {
  const { clock, jobId, name, source, signal } = options;
  const startedMs = clock.monotonicMs();
  const sender = options.sender ?? inProcessSender(options);
  const chunks = new SaveChunks(options, sender);

  // 1. Chunks. All of them are durable when this resolves.
  const files = await inLanes({ lanes: options.lanes ?? sender.lanes, signal }, (lanes) =>
    Promise.all(source.files.map((file) => uploadFile(file, { lanes, chunks, source }))),
  );
  // 2. The source vouches for the whole: bytes that were final one by one may belong to a checkpoint that was given up.
  await source.complete(signal);
  signal.throwIfAborted();
  // 3. The manifest goes last: until it exists no reader can see a half-written checkpoint.
  const manifest = manifestOf(options, files);
  const faults = checkManifest(manifest, { jobId, name });
  assert(faults.length === 0, 'a manifest agrees with itself before it is stored', {
    faults: faults.join('; '),
  });
  const ref = await putManifest(options, manifest);

  return {
    id: checkpointIdOf(name),
    name,
    manifest,
    ref,
    bytes: files.reduce((sum, file) => sum + file.bytes, 0),
    newBytes: chunks.sentBytes,
    elapsedMs: clock.monotonicMs() - startedMs,
  };
}

interface FileUpload {
  readonly lanes: Lanes;
  readonly chunks: SaveChunks;
  readonly source: CheckpointSource;
}

async function uploadFile(
  file: CheckpointSource['files'][number],
  { lanes, chunks, source }: FileUpload,
): Promise<ManifestFile> {
  const stored: Promise<Chunk>[] = [];
  for (const range of chunkRanges(file.bytes)) {
    // Waiting for bytes takes no lane: another file, or an earlier cut, can use it meanwhile.
    await source.available(file.path, range.end, lanes.signal);
    const chunk = chunks.store(file.path, range, lanes);
    chunk.catch(() => {});
    stored.push(chunk);
  }
  const list = await Promise.all(stored);
  return {
    path: file.path,
    bytes: file.bytes,
    digest: digestOfChunks(list.map((chunk) => chunk.sha256)),
    chunks: list,
  };
}

/** Stores chunks of one save, each content once. */
class SaveChunks {
  sentBytes = 0;
  #durableBytes = 0;
  readonly #options: UploadOptions;
  readonly #sender: ChunkSender;
  readonly #known: KnownChunks;

  constructor(options: UploadOptions, sender: ChunkSender) {
    const { parent, jobId } = options;
    assert(parent === undefined || parent.jobId === jobId, 'the parent is a checkpoint of the same job', {
      jobId,
    });
    this.#options = options;
    this.#sender = sender;
    this.#known = new KnownChunks(parent);
  }

  async store(path: string, range: ChunkRange, lanes: Lanes): Promise<Chunk> {
    const { source, jobId, name, codec, onProgress } = this.#options;
    const inquiry = this.#known.inquire();
    const judge = (sha256: Sha256): ChunkVerdict =>
      inquiry.isKnown(sha256) ? 'known' : (codec?.choose({ bytes: range.length }) ?? 'none');
    try {
      const { signal } = lanes;
      const result = await lanes.run(() =>
        this.#sender.send({ source, path, range, jobId, name, judge, signal }),
      );
      // Without a lane: whoever sends these bytes has one.
      if (result.outcome === 'stored') {
        inquiry.stored(result.chunk);
        codec?.measured(result.measured);
        this.sentBytes += result.chunk.stored;
      }
      const chunk = result.outcome === 'stored' ? result.chunk : await inquiry.chunk(result.sha256);
      this.#durableBytes += chunk.bytes;
      onProgress?.(this.#durableBytes);
      return chunk;
    } catch (error) {
      inquiry.failed(error);
      throw error;
    }
  }
}

function manifestOf(options: UploadOptions, files: readonly ManifestFile[]): Manifest {
  const { jobId, name, parent, epoch, reason, clock, runtime, compatibility, omitted = [] } = options;
  const content = { ...(omitted.length > 0 && { omitted: [...omitted] }), files: [...files] };
  return {
    format: manifestFormatOf({ reason, ...content }),
    jobId,
    claim: name.claim,
    ordinal: name.ordinal,
    step: name.step,
    epoch,
    parent: parent === undefined ? null : checkpointIdOf(parent),
    reason,
    createdAt: clock.now().toISOString(),
    runtime,
    compatibility,
    ...content,
  };
}

async function putManifest(options: UploadOptions, manifest: Manifest): Promise<DocumentRef> {
  const { store, clock, random, jobId, name, signal } = options;
  const body = encodeDocument(manifest);
  const ref: DocumentRef = { key: objectKeys.manifest(jobId, name), sha256: sha256Hex(body) };
  await retry(() => store.put(ref.key, body, { sha256: ref.sha256, signal }), { clock, random, signal });
  return ref;
}
