import { pause } from '../base/clock.ts';
import { UsageError } from '../base/errors.ts';
import { keepPolicy } from '../checkpoint/keep-policy.ts';
import { type DoomedCheckpoint, pruneOutlook } from '../checkpoint/prune-outlook.ts';
import { type KeepPolicySpec, keepPolicySchema } from '../contract/job-spec.ts';
import { findCheckpoint, mustStay } from '../journal/fold-checkpoints.ts';
import type { CheckpointRecord, JobState } from '../journal/job-state.ts';
import type { Journal } from '../journal/journal.ts';
import { refuseWhatMustStay, requestPrune } from '../journal/requests.ts';
import { answerPrune, type PruneAnswer } from './answer-prune.ts';
import { findCheckpointByName } from './find-checkpoint.ts';
import { loadSpec } from './load-spec.ts';
import { operator } from './operator.ts';
import { openExistingJob } from './read-job.ts';
import type { Region } from './region.ts';

/** What to prune: what is named, or what a policy drops; neither: what the job's own policy drops now. */
export interface PruneChoice {
  /** Ids, `step120`, `best`. */
  readonly checkpoints?: readonly string[];
  /** A policy for this time; what it does not say is as in a new job. */
  readonly keep?: Partial<KeepPolicySpec> | undefined;
}

export interface PrunePlan {
  readonly jobId: string;
  /** The oldest first. */
  readonly checkpoints: ReadonlyArray<DoomedCheckpoint & { readonly record: CheckpointRecord }>;
  /** Of all of them together. */
  readonly objects: number;
  readonly bytes: number;
  /** Checkpoints that stay. */
  readonly staying: number;
}

/**
 * What a prune would delete, and how much that frees. Writes nothing.
 * @throws ConflictError for a named one that must stay: pinned, held by a fork, or where a resume would begin
 * @throws NotFoundError for an unknown job or name; UsageError for names and a policy at once
 * @throws CorruptionError when the manifest of a good checkpoint that stays is damaged: then nothing could be deleted
 */
export async function planPrune(region: Region, jobId: string, choice: PruneChoice = {}): Promise<PrunePlan> {
  const { state } = await openExistingJob(region, jobId);
  const wanted = await idsOf(region, state, choice);
  const ids = state.checkpoints.map(({ id }) => id).filter((id) => wanted.has(id));
  const doomed = await pruneOutlook(region.store, state, ids);
  const checkpoints = doomed.flatMap((each) => {
    const record = findCheckpoint(state, each.id);
    return record === undefined ? [] : [{ ...each, record }];
  });
  return {
    jobId,
    checkpoints,
    objects: doomed.reduce((sum, { objects }) => sum + objects, 0),
    bytes: doomed.reduce((sum, { bytes }) => sum + bytes, 0),
    staying: state.checkpoints.length - ids.length,
  };
}

async function idsOf(region: Region, state: JobState, choice: PruneChoice): Promise<ReadonlySet<string>> {
  const { checkpoints = [], keep } = choice;
  if (checkpoints.length > 0) {
    if (keep !== undefined) throw new UsageError('checkpoints are named, or chosen by --keep; not both.');
    const ids = checkpoints.map((name) => findCheckpointByName(state, name).id);
    refuseWhatMustStay(state, ids);
    return new Set(ids);
  }
  const policy = keep === undefined ? await ownPolicy(region, state) : keepPolicySchema.parse(keep);
  if (policy === undefined) return new Set();
  const at = state.updatedAt ?? '';
  const stay = mustStay(state, at);
  return new Set(keepPolicy(state.checkpoints, policy, at).filter((id) => !stay.has(id)));
}

async function ownPolicy({ store }: Region, { spec }: JobState): Promise<KeepPolicySpec | undefined> {
  return spec === null ? undefined : (await loadSpec(store, spec)).keep;
}

export interface PruneResult {
  /** Dropped by now, by whomever. */
  readonly gone: readonly string[];
  /** Asked for; the holder of the newest claim answers. */
  readonly pending: readonly string[];
  readonly outcome: PruneAnswer['outcome'];
}

/**
 * Asks for checkpoints to be dropped, and answers at once where nobody works on the job: claims it, drops, deletes, gives
 * it back. A live owner answers within seconds. Safe to repeat.
 * @param ids as `planPrune` tells them
 * @param options.wait until all are gone, or must stay after all, or this signal is aborted
 * @throws ConflictError when one of them must stay by now; NotFoundError when one was dropped meanwhile
 */
export async function pruneCheckpoints(
  region: Region,
  jobId: string,
  { ids, wait }: { readonly ids: readonly string[]; readonly wait?: AbortSignal | undefined },
): Promise<PruneResult> {
  const journal = await openExistingJob(region, jobId);
  const by = operator();
  const answer = (): Promise<PruneAnswer> => answerPrune(region, journal, { ticket: 'operator', by });
  await requestPrune(journal, { checkpoints: ids, by });
  let { outcome } = await answer();
  const isPending = (): boolean => pendingOf(journal, ids).length > 0;
  while (isPending() && (await passed(region, wait))) {
    await journal.peek();
    // An owner may have died meanwhile.
    if (isPending()) ({ outcome } = await answer());
  }
  const pending = pendingOf(journal, ids);
  const isGone = (id: string): boolean => findCheckpoint(journal.state, id) === undefined;
  return { gone: ids.filter(isGone), pending, outcome };
}

/** Still asked for, and still free to go. */
function pendingOf({ state }: Journal, ids: readonly string[]): readonly string[] {
  const stay = mustStay(state, state.updatedAt ?? '');
  return ids.filter((id) => state.requests.prune.includes(id) && !stay.has(id));
}

/** False where nobody waits, or not any more. */
async function passed({ clock, timers }: Region, wait: AbortSignal | undefined): Promise<boolean> {
  return wait !== undefined && (await pause(clock, timers.requestsPollMs, wait));
}
