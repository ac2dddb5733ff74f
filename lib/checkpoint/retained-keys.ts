import { sha256Hex } from '../base/digest.ts';
import { CorruptionError } from '../base/errors.ts';
import { type Manifest, parseManifest } from '../contract/manifest.ts';
import { objectKeys, parseCheckpointId } from '../contract/object-keys.ts';
import type { CheckpointRecord, JobState } from '../journal/job-state.ts';
import type { ObjectStore } from '../store/object-store.ts';
import { checkManifest } from './check-manifest.ts';
import { inLanes } from './lanes.ts';

/** Manifests are small, so that more of them than chunks may be on their way. */
const manifestLanes = 8;

/** Keys that a retained checkpoint needs. Says true in doubt. */
export type IsRetained = (key: string) => boolean;

/**
 * Reads the manifests of all retained checkpoints.
 * @throws CorruptionError when that of a good one is missing or damaged: who cannot tell what is needed deletes nothing
 * @throws UnknownFormatError when a newer Holdfast wrote one
 */
export async function retainedKeys(store: ObjectStore, state: JobState): Promise<IsRetained> {
  const keys = new Set<string>();
  const prefixes: string[] = [];
  const collect = async (record: CheckpointRecord): Promise<void> => {
    const name = parseCheckpointId(record.id);
    // What a quarantined checkpoint stored stays whole, whether or not its manifest can be read.
    if (name !== undefined && record.quarantined !== undefined) {
      prefixes.push(objectKeys.checkpoint(state.jobId, name));
    }
    keys.add(record.manifest.key);
    const manifest = await readRetained(store, state, record);
    for (const key of manifest === undefined ? [] : chunkKeysOf(manifest)) keys.add(key);
  };
  await inLanes({ lanes: manifestLanes, signal: new AbortController().signal }, (lanes) =>
    Promise.all(state.checkpoints.map((record) => lanes.run(() => collect(record)))),
  );
  return (key) => keys.has(key) || prefixes.some((prefix) => key.startsWith(prefix));
}

export function chunkKeysOf(manifest: Manifest): readonly string[] {
  return manifest.files.flatMap((file) => file.chunks.map((chunk) => chunk.key));
}

async function readRetained(
  store: ObjectStore,
  state: JobState,
  record: CheckpointRecord,
): Promise<Manifest | undefined> {
  const { key, sha256 } = record.manifest;
  const object = await store.get(key);
  if (object !== undefined && sha256Hex(object.body) === sha256) {
    return parseManifest(object.body, key);
  }
  if (record.quarantined !== undefined) return undefined;
  throw new CorruptionError('the manifest of a retained checkpoint is damaged, so nothing is deleted.', {
    facts: { job: state.jobId, checkpoint: record.id, key },
    hint: 'Space stays in use meanwhile, nothing is lost. Deleting goes on once that checkpoint is dropped or quarantined.',
  });
}

/** The manifest at `key` when it can be read and agrees with itself; it is only asked which keys might be deleted. */
export async function manifestIfSound(
  store: ObjectStore,
  key: string,
  expected: Parameters<typeof checkManifest>[1],
): Promise<Manifest | undefined> {
  const object = await store.get(key);
  if (object === undefined) return undefined;
  try {
    const manifest = parseManifest(object.body, key);
    return checkManifest(manifest, expected).length === 0 ? manifest : undefined;
  } catch (error) {
    if (error instanceof CorruptionError) return undefined;
    throw error;
  }
}
