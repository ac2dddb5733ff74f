import { CorruptionError, messageOf } from '../base/errors.ts';
import { readManifest } from '../checkpoint/read-manifest.ts';
import type { EntryOf } from '../contract/journal-entry.ts';
import type { Chunk, Codec, Manifest, ManifestFile } from '../contract/manifest.ts';
import { objectKeys, parseCheckpointId } from '../contract/object-keys.ts';
import { findCheckpoint } from '../journal/fold-checkpoints.ts';
import type { JobState } from '../journal/job-state.ts';
import type { Journal } from '../journal/journal.ts';
import { findCheckpointByName } from './find-checkpoint.ts';
import { listCheckpoints, type ListedCheckpoint } from './list-checkpoints.ts';
import { readingPorts } from './open-checkpoint.ts';
import { openExistingJob } from './read-job.ts';
import type { Region } from './region.ts';

export interface DescribedFile {
  readonly path: string;
  readonly bytes: number;
  readonly digest: string;
  readonly chunks: number;
  /** Chunks that this save stored itself. */
  readonly newChunks: number;
  /** Bytes of all of its chunks as they are stored. */
  readonly stored: number;
  readonly codecs: readonly Codec[];
}

/** Chunks that lie under another checkpoint. */
export interface ReusedChunks {
  readonly from: string;
  readonly chunks: number;
  readonly bytes: number;
  /** False when that checkpoint itself was dropped: what is named here stays. */
  readonly isRetained: boolean;
}

export interface CheckpointDescription {
  readonly checkpoint: ListedCheckpoint;
  /** What committed it. */
  readonly entry: EntryOf<'checkpoint'> | undefined;
  /** Undefined when it is damaged; `trouble` then says how. */
  readonly manifest: Manifest | undefined;
  readonly trouble: string | undefined;
  readonly files: readonly DescribedFile[];
  /** Of bytes that are stored, the most first. */
  readonly reused: readonly ReusedChunks[];
}

/**
 * All that is known of one checkpoint without reading its bytes: five requests or so.
 * @throws NotFoundError for a job or checkpoint that is not there; TransientError, AccessDeniedError of the store
 */
export async function describeCheckpoint(
  region: Region,
  wanted: { readonly jobId: string; readonly checkpoint: string; readonly signal: AbortSignal },
): Promise<CheckpointDescription> {
  const { jobId, signal } = wanted;
  const journal = await openExistingJob(region, jobId);
  const { state } = journal;
  const record = findCheckpointByName(state, wanted.checkpoint);
  const [checkpoint = { ...record, marks: [], mustStay: false }] = listCheckpoints(state).filter(
    ({ id }) => id === record.id,
  );
  const entry = await entryOf(journal, record.sequence, signal);
  try {
    const manifest = await readManifest(readingPorts(region), { jobId, record, signal });
    return {
      checkpoint,
      entry,
      manifest,
      trouble: undefined,
      files: manifest.files.map((file) => describeFile(file, ownPrefix(jobId, record.id))),
      reused: reusedOf(state, manifest, record.id),
    };
  } catch (error) {
    if (!(error instanceof CorruptionError)) throw error;
    return { checkpoint, entry, manifest: undefined, trouble: messageOf(error), files: [], reused: [] };
  }
}

async function entryOf(
  journal: Journal,
  sequence: number,
  signal: AbortSignal,
): Promise<EntryOf<'checkpoint'> | undefined> {
  for await (const entry of journal.entries({ after: sequence - 1, signal })) {
    return entry.kind === 'checkpoint' ? entry : undefined;
  }
  return undefined;
}

function ownPrefix(jobId: string, id: string): string {
  const name = parseCheckpointId(id);
  return name === undefined ? '' : objectKeys.checkpoint(jobId, name);
}

function describeFile({ path, bytes, digest, chunks }: ManifestFile, own: string): DescribedFile {
  return {
    path,
    bytes,
    digest,
    chunks: chunks.length,
    newChunks: chunks.filter(({ key }) => key.startsWith(own)).length,
    stored: chunks.reduce((sum, { stored }) => sum + stored, 0),
    codecs: [...new Set(chunks.map(({ codec }) => codec))].toSorted(),
  };
}

function reusedOf(state: JobState, { jobId, files }: Manifest, id: string): readonly ReusedChunks[] {
  const homes = new Map<string, Map<string, Chunk>>();
  for (const chunk of files.flatMap(({ chunks }) => chunks)) {
    const [home = ''] = chunk.key.slice(objectKeys.checkpoints(jobId).length).split('/');
    if (home === id) continue;
    const chunks = homes.get(home) ?? new Map<string, Chunk>();
    homes.set(home, chunks.set(chunk.key, chunk));
  }
  return [...homes]
    .map(([from, chunks]) => ({
      from,
      chunks: chunks.size,
      bytes: [...chunks.values()].reduce((sum, { stored }) => sum + stored, 0),
      isRetained: findCheckpoint(state, from) !== undefined,
    }))
    .toSorted((one, other) => other.bytes - one.bytes);
}
