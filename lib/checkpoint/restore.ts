import { TransientError, UnrecoverableError, messageOf, remedyOf } from '../base/errors.ts';
import type { EntryFacts } from '../contract/journal-entry.ts';
import type { Manifest } from '../contract/manifest.ts';
import type { Claim } from '../journal/claim.ts';
import type { CheckpointRecord, JobState } from '../journal/job-state.ts';
import type { ChunkReceiver } from './chunk-receiver.ts';
import { downloadCheckpoint } from './download.ts';
import { locateCheckpoints } from './locate.ts';
import { readManifest } from './read-manifest.ts';
import { DamagedObjectError, type DownloadPorts } from './verified-get.ts';

export interface RestoreOptions extends DownloadPorts {
  /** Scratch folder that belongs to this claim: emptied first, then filled with the checkpoint's files. */
  readonly dir: string;
  /** Who fetches, verifies and writes the chunks of a checkpoint of so many bytes. @default this process */
  readonly receiverFor?: (bytes: number) => ChunkReceiver | undefined;
  /** Chunks in flight at once, 8 MiB of memory each. @default as many as the receiver has room for */
  readonly lanes?: number;
  readonly signal: AbortSignal;
  /** Called with the bytes received so far of the checkpoint that is being tried. */
  readonly onProgress?: (receivedBytes: number) => void;
}

export type RestoreResult =
  | { readonly outcome: 'fresh' }
  | {
      readonly outcome: 'restored';
      readonly record: CheckpointRecord;
      readonly manifest: Manifest;
      /** Raw bytes of all files in `dir`. */
      readonly bytes: number;
      /** Newer checkpoints that must not be used, and why. */
      readonly passedOver: readonly { readonly checkpoint: string; readonly why: string }[];
    };

/** An operator may drop a checkpoint while it is being read; who does that ten times in a row leaves no time to restore. */
const droppedMeanwhileMax = 10;

/**
 * Brings the newest good checkpoint into `dir`, every byte verified. Damage is appended as `quarantined`, and the next
 * ancestor is tried. `fresh` is answered for a job without history only.
 * @throws UnrecoverableError when there is history, but nothing that can be used
 * @throws UnknownFormatError when a newer Holdfast wrote the checkpoint: neither damage nor ours to judge
 * @throws TransientError, AccessDeniedError as the store gives them, after retries: never taken for damage
 * @throws TransientError for a fork whose first checkpoint has not come yet
 * @throws FencedError when damage is found by one who no longer owns the job
 */
export async function restoreNewest(claim: Claim, options: RestoreOptions): Promise<RestoreResult> {
  const damagedKeys = new Set<string>();
  for (let droppedMeanwhile = 0; droppedMeanwhile <= droppedMeanwhileMax;) {
    const state = await claim.journal.refresh({ signal: options.signal });
    const located = locateCheckpoints(state);
    if (located.outcome === 'no-history') return { outcome: 'fresh' };
    if (located.outcome === 'unfinished-fork') throw unfinishedFork(state);
    const record = located.chain[0];
    if (record === undefined) throw nothingLeft(state);
    const tried = await tryRestore({ jobId: state.jobId, record, damagedKeys }, options);
    if (tried.outcome === 'restored') return { ...tried, record, passedOver: passedOver(state, record) };
    options.log.warn('checkpoint-damaged', { checkpoint: record.id, step: record.step, why: tried.why });
    if (!(await quarantine(claim, { record, damage: tried, signal: options.signal }))) droppedMeanwhile++;
  }
  throw new TransientError('checkpoints are dropped faster than they can be read.', {
    facts: { rounds: droppedMeanwhileMax },
  });
}

interface Damage {
  readonly outcome: 'damaged';
  readonly keys: readonly string[];
  readonly why: string;
}

interface Candidate {
  readonly jobId: string;
  readonly record: CheckpointRecord;
  /** Found damaged earlier in this restore: a checkpoint that shares one needs no download to be judged. */
  readonly damagedKeys: Set<string>;
}

async function tryRestore(
  { jobId, record, damagedKeys }: Candidate,
  options: RestoreOptions,
): Promise<{ readonly outcome: 'restored'; readonly manifest: Manifest; readonly bytes: number } | Damage> {
  const { dir, lanes, signal, onProgress, receiverFor } = options;
  try {
    const manifest = await readManifest(options, { jobId, record, signal });
    const shared = manifest.files.flatMap((file) => file.chunks).find((chunk) => damagedKeys.has(chunk.key));
    if (shared !== undefined) {
      throw new DamagedObjectError(
        'chunk is shared with a damaged checkpoint and damaged itself.',
        shared.key,
      );
    }
    const receiver = receiverFor?.(manifest.files.reduce((sum, file) => sum + file.bytes, 0));
    const download = { manifest, dir, receiver, lanes, signal, onProgress };
    const bytes = await downloadCheckpoint(options, download);
    return { outcome: 'restored', manifest, bytes };
  } catch (error) {
    // Only what was read completely and is wrong is damage. Everything else is the world's, and stops the restore.
    if (remedyOf(error) !== 'fall-back') throw error;
    const keys = error instanceof DamagedObjectError ? [error.key] : [record.manifest.key];
    for (const key of keys) damagedKeys.add(key);
    return { outcome: 'damaged', keys, why: messageOf(error) };
  }
}

/**
 * False when the checkpoint was dropped meanwhile: then its objects are gone by right, and nothing is said. The append
 * folds every entry before it decides, so that this is known for certain.
 */
async function quarantine(
  claim: Claim,
  found: { readonly record: CheckpointRecord; readonly damage: Damage; readonly signal: AbortSignal },
): Promise<boolean> {
  const { record, damage, signal } = found;
  const decide = (current: JobState): EntryFacts | undefined => {
    const retained = current.checkpoints.find(({ id }) => id === record.id);
    if (retained === undefined || retained.quarantined !== undefined) return undefined;
    return { kind: 'quarantined', checkpoint: record.id, chunks: [...damage.keys], why: damage.why };
  };
  const { state } = await claim.append(decide, { signal });
  return state.checkpoints.some(({ id }) => id === record.id);
}

function passedOver(
  state: JobState,
  record: CheckpointRecord,
): readonly { readonly checkpoint: string; readonly why: string }[] {
  return state.checkpoints
    .filter(({ sequence }) => sequence > record.sequence)
    .flatMap(({ id, quarantined }) =>
      quarantined === undefined ? [] : [{ checkpoint: id, why: quarantined }],
    );
}

/** Whoever makes the fork may be about to finish it; an attempt that waits and looks again loses nothing. */
function unfinishedFork({ jobId, forkedFrom }: JobState): TransientError {
  return new TransientError('the job is a fork, and its first checkpoint has not come yet.', {
    facts: { jobId, from: forkedFrom?.jobId, checkpoint: forkedFrom?.checkpoint },
    hint: `\`holdfast fork ${forkedFrom?.jobId}@${forkedFrom?.checkpoint} --id ${jobId}\` finishes it.`,
  });
}

function nothingLeft(state: JobState): UnrecoverableError {
  const lines = state.checkpoints.map(
    ({ id, quarantined }) => `  - ${id}: ${quarantined ?? 'not on the line that the job is to resume from'}`,
  );
  const asked = state.resumeFrom === null ? '' : ` It was asked to resume from ${state.resumeFrom}.`;
  return new UnrecoverableError(
    [
      `job ${state.jobId} has committed ${state.committed} checkpoints, and none can be used.${asked}`,
      ...lines,
    ].join('\n'),
    {
      hint:
        `\`holdfast show ${state.jobId}\` lists them; \`holdfast resume ${state.jobId} --from CHECKPOINT\` picks one that is not ` +
        'damaged. The job never starts over by itself.',
    },
  );
}
