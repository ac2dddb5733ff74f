/**
 * Deleting, which only the holder of the newest claim does. What makes it safe: from the moment of our claim no older
 * attempt can commit, so that the checkpoints of older claims which are retained now are all that will ever be; and a save
 * stores under a prefix that nobody else writes, and re-uses only keys that a retained manifest names.
 */
import { assert, defined } from '../base/assert.ts';
import { FencedError } from '../base/errors.ts';
import { type CheckpointName, objectKeys, parseCheckpointId } from '../contract/object-keys.ts';
import type { Claim } from '../journal/claim.ts';
import { prunable } from '../journal/fold-checkpoints.ts';
import type { JobState } from '../journal/job-state.ts';
import type { ListedObject, ObjectStore } from '../store/object-store.ts';
import { manifestIfSound, retainedKeys } from './retained-keys.ts';

/**
 * Deletes what dropped checkpoints leave behind, after the entry that dropped them: every key that they stored or named
 * and that no retained manifest names. An error or crash at any point leaves garbage at most, which the same call again
 * or the next claim's sweep removes.
 * @param ids dropped in the journal already
 * @returns how many objects were deleted
 * @throws FencedError when a newer claim stands: deleting is then its business
 * @throws CorruptionError when the manifest of a good retained checkpoint is damaged: then nothing is deleted
 */
export async function deleteDropped(
  store: ObjectStore,
  claim: Claim,
  ids: readonly string[],
): Promise<number> {
  if (ids.length === 0) return 0;
  const state = await ownedState(claim);
  const isDropped = ids.every((id) => !state.checkpoints.some((record) => record.id === id));
  assert(isDropped, 'a checkpoint is deleted after the entry that dropped it', { ids: ids.join() });
  const isRetained = await retainedKeys(store, state);
  let deleted = 0;
  for (const id of ids) {
    const name = defined(parseCheckpointId(id), 'the journal names checkpoints by their ids');
    const manifestKey = objectKeys.manifest(state.jobId, name);
    const left = await leftBy(store, state.jobId, name);
    const doomed = [...left.keys()].filter((key) => key !== manifestKey && !isRetained(key));
    await store.delete(doomed);
    // The manifest goes last: whoever repeats this after a crash reads in it what is left to delete.
    await store.delete([manifestKey]);
    deleted += doomed.length + 1;
  }
  return deleted;
}

/**
 * Deletes keys of older claims that no retained manifest names: what zombies, aborted uploads and interrupted deletes
 * left. Once per claim is enough, after its first commit. Keys of this claim and of newer ones are never touched.
 * @returns how many objects were deleted
 * @throws FencedError, CorruptionError as `deleteDropped`
 */
export async function sweepGarbage(claim: Claim, store: ObjectStore): Promise<number> {
  const state = await ownedState(claim);
  const isRetained = await retainedKeys(store, state);
  let deleted = 0;
  for await (const page of pagesUnder(store, objectKeys.checkpoints(state.jobId))) {
    const keys = page.map(({ key }) => key);
    const doomed = keys.filter((key) => {
      const name = checkpointOfKey(state.jobId, key);
      return name !== undefined && name.claim < claim.token && !isRetained(key);
    });
    await store.delete(doomed);
    deleted += doomed.length;
  }
  return deleted;
}

/**
 * Answers operators' `prune-requested`: drops those of the requested checkpoints that need not stay, then deletes them.
 * @returns the ids that were dropped
 */
export async function pruneRequested(claim: Claim, store: ObjectStore): Promise<readonly string[]> {
  let dropped: readonly string[] = [];
  // Requests are entries of others: "nothing was asked" must rest on the newest state.
  await claim.journal.refresh();
  await claim.append((state) => {
    dropped = prunable(state);
    return dropped.length === 0 ? undefined : { kind: 'pruned', checkpoints: [...dropped] };
  });
  await deleteDropped(store, claim, dropped);
  return dropped;
}

async function ownedState(claim: Claim): Promise<JobState> {
  const state = await claim.journal.refresh();
  if (state.newestClaim === claim.token) return state;
  throw new FencedError('a newer claim stands, so that deleting is its business now.', {
    facts: { job: state.jobId, claim: claim.token, newest: state.newestClaim },
  });
}

/**
 * Keys that the checkpoint stored, and those that it re-used, each with its bytes: these lie under older checkpoints which
 * may be gone, and it can be the last one to name them. Never a key of a later checkpoint, whatever its manifest says.
 */
export async function leftBy(
  store: ObjectStore,
  jobId: string,
  name: CheckpointName,
): Promise<ReadonlyMap<string, number>> {
  const manifest = await manifestIfSound(store, objectKeys.manifest(jobId, name), { jobId, name });
  const keys = new Map<string, number>();
  for (const { key, stored } of (manifest?.files ?? []).flatMap(({ chunks }) => chunks)) {
    const home = checkpointOfKey(jobId, key);
    if (home !== undefined && !isLater(home, name)) keys.set(key, stored);
  }
  for await (const page of pagesUnder(store, objectKeys.checkpoint(jobId, name))) {
    for (const { key, bytes } of page) keys.set(key, bytes);
  }
  return keys;
}

function isLater(left: CheckpointName, right: CheckpointName): boolean {
  return left.claim === right.claim ? left.ordinal > right.ordinal : left.claim > right.claim;
}

async function* pagesUnder(store: ObjectStore, prefix: string): AsyncGenerator<readonly ListedObject[]> {
  for (let after: string | undefined; ;) {
    const page = await store.list(prefix, after === undefined ? {} : { after });
    yield page.objects;
    if (page.next === undefined) return;
    after = page.next;
  }
}

/** The checkpoint under which a key lies; undefined for what is spelled in no way that we know, which stays. */
function checkpointOfKey(jobId: string, key: string): CheckpointName | undefined {
  const [id = ''] = key.slice(objectKeys.checkpoints(jobId).length).split('/');
  return parseCheckpointId(id);
}
