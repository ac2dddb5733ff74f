import { defined } from '../../lib/base/assert.ts';
import { sha256Hex } from '../../lib/base/digest.ts';
import { CorruptionError } from '../../lib/base/errors.ts';
import { type Manifest, parseManifest } from '../../lib/contract/manifest.ts';
import type { JobState } from '../../lib/journal/job-state.ts';
import type { ObjectStore } from '../../lib/store/object-store.ts';

export interface ComparedFile {
  readonly path: string;
  readonly bytes: number;
  /** Undefined where the run has no such file. */
  readonly digest: string | undefined;
  readonly referenceDigest: string | undefined;
}

export interface Comparison {
  readonly identical: boolean;
  readonly finalDigest: string;
  readonly referenceDigest: string;
  readonly files: readonly ComparedFile[];
}

/** Compares the final checkpoints of two jobs file by file, by the digests in their manifests. */
export async function compareResults(
  store: ObjectStore,
  job: JobState,
  reference: JobState,
): Promise<Comparison> {
  const [ours, theirs] = [await finalManifest(store, job), await finalManifest(store, reference)];
  const paths = [...new Set([...ours.files, ...theirs.files].map(({ path }) => path))].toSorted();
  const files = paths.map((path) => {
    const [one, other] = [ours, theirs].map((manifest) => manifest.files.find((file) => file.path === path));
    return {
      path,
      bytes: one?.bytes ?? other?.bytes ?? 0,
      digest: one?.digest,
      referenceDigest: other?.digest,
    };
  });
  return {
    identical:
      files.length > 0 &&
      files.every(({ digest, referenceDigest }) => digest !== undefined && digest === referenceDigest),
    finalDigest: digestOfFiles(ours.files),
    referenceDigest: digestOfFiles(theirs.files),
    files,
  };
}

/** One digest over all files of a checkpoint: their paths and digests, in order of path. */
export function digestOfFiles(files: readonly Pick<Manifest['files'][number], 'path' | 'digest'>[]): string {
  const lines = files.map(({ path, digest }) => `${digest}  ${path}\n`);
  return sha256Hex(lines.toSorted().join(''));
}

async function finalManifest(store: ObjectStore, state: JobState): Promise<Manifest> {
  const { key, sha256 } = defined(state.checkpoints.at(-1), 'a completed job has a checkpoint').manifest;
  const object = await store.get(key);
  if (object === undefined || sha256Hex(object.body) !== sha256) {
    throw new CorruptionError('the final manifest is not the one that was committed.', { facts: { key } });
  }
  return parseManifest(object.body, key);
}
