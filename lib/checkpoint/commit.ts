import { defined } from '../base/assert.ts';
import { ConflictError } from '../base/errors.ts';
import type { KeepPolicySpec } from '../contract/job-spec.ts';
import type { EntryOf } from '../contract/journal-entry.ts';
import type { SaveReason } from '../contract/manifest.ts';
import { objectKeys } from '../contract/object-keys.ts';
import { currentFormat } from '../contract/parse-document.ts';
import type { Claim } from '../journal/claim.ts';
import { foldEntry } from '../journal/fold.ts';
import { mustStay } from '../journal/fold-checkpoints.ts';
import type { CheckpointRecord, JobState } from '../journal/job-state.ts';
import { keepPolicy } from './keep-policy.ts';
import type { UploadedCheckpoint } from './upload.ts';

export interface CommitOptions {
  readonly uploaded: UploadedCheckpoint;
  readonly epoch: number;
  /** Position within the epoch, in examples. */
  readonly example: number;
  readonly reason: SaveReason;
  /** Why it was due, in words. */
  readonly why?: string | undefined;
  readonly keep: KeepPolicySpec;
  /** From the interruption notice to now, where one led to this checkpoint. */
  readonly noticeToDurableMs?: number | undefined;
  /** Set when this state was just evaluated as the best so far. A value that is not finite is left out. */
  readonly best?: { readonly metric: string; readonly value: number } | undefined;
}

export interface CommittedCheckpoint {
  readonly record: CheckpointRecord;
  /** What the keep policy dropped with this commit; `deleteDropped` may remove it now, not before. */
  readonly drops: readonly string[];
}

/**
 * Commits an uploaded checkpoint: one append, which carries what the keep policy drops. The policy decides inside the
 * decision, on the very state that the entry follows. Safe to repeat: a checkpoint that is committed already is not
 * committed again.
 * @throws FencedError when a newer claim stands; the checkpoint then never was
 * @throws ConflictError when it re-uses chunks of a parent that was dropped or quarantined meanwhile; upload it again without a parent
 */
export async function commitCheckpoint(claim: Claim, options: CommitOptions): Promise<CommittedCheckpoint> {
  const { uploaded } = options;
  let drops: readonly string[] = [];
  const { state } = await claim.append((current) => {
    drops = [];
    if (recordOf(current, uploaded.id) !== undefined) return undefined;
    refuseLostParent(current, uploaded);
    const facts = factsOf(options);
    drops = dropsWith(current, facts, options);
    return { ...facts, drops: [...drops] };
  });
  return { record: defined(recordOf(state, uploaded.id), 'a committed checkpoint is in the state'), drops };
}

function recordOf(state: JobState, id: string): CheckpointRecord | undefined {
  return state.checkpoints.find((record) => record.id === id);
}

/**
 * Chunks of the parent are there for certain only while the parent is retained at the very moment of the commit; from
 * then on this checkpoint's own manifest holds them.
 */
function refuseLostParent(state: JobState, uploaded: UploadedCheckpoint): void {
  const { manifest, name } = uploaded;
  const own = objectKeys.checkpoint(manifest.jobId, name);
  const reuses = manifest.files.some((file) => file.chunks.some((chunk) => !chunk.key.startsWith(own)));
  if (!reuses) return;
  const parent = manifest.parent === null ? undefined : recordOf(state, manifest.parent);
  if (parent !== undefined && parent.quarantined === undefined) return;
  throw new ConflictError('the checkpoint re-uses chunks of one that cannot be relied on any more.', {
    facts: {
      checkpoint: uploaded.id,
      parent: manifest.parent ?? undefined,
      why: parent === undefined ? 'dropped' : 'quarantined',
    },
    hint: 'Upload it again without a parent.',
  });
}

type CheckpointFacts = Omit<EntryOf<'checkpoint'>, 'format' | 'sequence' | 'nonce' | 'at' | 'claim'>;

function factsOf(options: CommitOptions): CheckpointFacts {
  const { uploaded, epoch, example, reason, why, noticeToDurableMs, best } = options;
  const { id, name, ref, bytes, newBytes, elapsedMs } = uploaded;
  return {
    kind: 'checkpoint',
    id,
    ordinal: name.ordinal,
    manifest: ref,
    step: name.step,
    epoch,
    example,
    reason,
    bytes,
    newBytes,
    elapsedMs,
    ...(why === undefined ? {} : { why }),
    ...(noticeToDurableMs === undefined ? {} : { noticeToDurableMs }),
    ...(best !== undefined && Number.isFinite(best.value) ? { best } : {}),
    drops: [],
  };
}

/**
 * What the keep policy drops once this checkpoint stands. The fold itself says what the journal will hold then, so that a
 * roll-back that this commit makes final is seen, and nothing that must stay is dropped.
 */
function dropsWith(state: JobState, facts: CheckpointFacts, options: CommitOptions): readonly string[] {
  const at = state.updatedAt ?? options.uploaded.manifest.createdAt;
  const { claim } = options.uploaded.name;
  const after = foldEntry(state, {
    ...facts,
    format: currentFormat,
    sequence: state.sequence + 1,
    nonce: 'undecided',
    at,
    claim,
  });
  const stay = mustStay(after, at);
  return keepPolicy(after.checkpoints, options.keep, at).filter((id) => !stay.has(id));
}
