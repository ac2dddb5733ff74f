import { defined } from '../base/assert.ts';
import { objectKeys, parseCheckpointId } from '../contract/object-keys.ts';
import type { JobState } from '../journal/job-state.ts';
import type { ObjectStore } from '../store/object-store.ts';
import { leftBy } from './prune.ts';
import { retainedKeys } from './retained-keys.ts';

/** What deleting a checkpoint, together with those before it in the list, would free. */
export interface DoomedCheckpoint {
  readonly id: string;
  readonly objects: number;
  readonly bytes: number;
}

/**
 * What dropping these checkpoints would free, without deleting anything: objects that they stored or named and that no
 * checkpoint which stays names. An object that several of them name counts for the first.
 * @throws CorruptionError when the manifest of a good checkpoint that stays is damaged: then nothing could be deleted
 */
export async function pruneOutlook(
  store: ObjectStore,
  state: JobState,
  ids: readonly string[],
): Promise<readonly DoomedCheckpoint[]> {
  const stay = { ...state, checkpoints: state.checkpoints.filter(({ id }) => !ids.includes(id)) };
  const isRetained = await retainedKeys(store, stay);
  const counted = new Set<string>();
  const doomed: DoomedCheckpoint[] = [];
  for (const id of ids) {
    const name = defined(parseCheckpointId(id), 'the journal names checkpoints by their ids');
    const left = await leftBy(store, state.jobId, name);
    let objects = 0;
    let bytes = 0;
    for (const [key, stored] of left) {
      if (counted.has(key) || isRetained(key)) continue;
      counted.add(key);
      objects++;
      bytes += stored;
    }
    doomed.push({ id, objects, bytes });
  }
  return doomed;
}

/**
 * Whether the store lets us delete below the job's checkpoints. Asked of a key that nobody ever writes, since no claim has
 * the number 0: who learns it only after the entry that drops a checkpoint leaves its bytes behind.
 * In a bucket with versions it leaves a delete marker, which the bucket's lifecycle clears away.
 * @throws AccessDeniedError when it does not; TransientError as the store gives it
 */
export async function askToDelete(store: ObjectStore, jobId: string): Promise<void> {
  await store.delete([objectKeys.manifest(jobId, { claim: 0, ordinal: 0, step: 0 })]);
}
