import { digestOfChunks } from '../base/digest.ts';
import {
  type Chunk,
  chunkBytes,
  type Manifest,
  manifestFormatOf,
  type ManifestFile,
} from '../contract/manifest.ts';
import {
  type CheckpointName,
  checkpointIdOf,
  objectKeys,
  parseCheckpointId,
} from '../contract/object-keys.ts';

/** Eight times what writers cut today leaves room for other cuts, and bounds the memory of a reader before it fetches anything. */
const chunkBytesMax = 8 * chunkBytes;

/**
 * Faults of a manifest that its schema cannot see: sums, digests, keys and paths that do not agree. Checked by the writer
 * before it is stored and by every reader before it is used, so that neither trusts the other. Empty for a sound one.
 */
export function checkManifest(
  manifest: Manifest,
  expected: { readonly jobId: string; readonly name: CheckpointName },
): readonly string[] {
  const { jobId, name } = expected;
  return [
    ...(manifest.jobId === jobId ? [] : [`it belongs to job ${manifest.jobId}`]),
    ...(checkpointIdOf(manifest) === checkpointIdOf(name)
      ? []
      : [`it names checkpoint ${checkpointIdOf(manifest)}`]),
    ...(manifest.format >= manifestFormatOf(manifest)
      ? []
      : [`format ${manifest.format} cannot say what it says`]),
    ...clashingPaths(manifest.files.map((file) => file.path)),
    ...manifest.files.flatMap((file) => checkFile(file, jobId)),
  ];
}

function checkFile(file: ManifestFile, jobId: string): readonly string[] {
  const sum = file.chunks.reduce((total, chunk) => total + chunk.bytes, 0);
  const digest = digestOfChunks(file.chunks.map((chunk) => chunk.sha256));
  return [
    ...(sum === file.bytes ? [] : [`the chunks of ${file.path} hold ${sum} bytes, not ${file.bytes}`]),
    ...(digest === file.digest ? [] : [`the digest of ${file.path} is not that of its chunks`]),
    ...file.chunks.flatMap((chunk) => checkChunk(chunk, jobId)),
  ];
}

/** A key must spell its chunk's digest and lie under a checkpoint of this job: no manifest can point a reader elsewhere. */
function checkChunk(chunk: Chunk, jobId: string): readonly string[] {
  const prefix = objectKeys.checkpoints(jobId);
  const [id = '', ...rest] = chunk.key.startsWith(prefix) ? chunk.key.slice(prefix.length).split('/') : [];
  const name = parseCheckpointId(id);
  const isOurs =
    name !== undefined && rest.length === 1 && chunk.key === objectKeys.chunk(jobId, name, chunk);
  return [
    ...(isOurs ? [] : [`the key ${chunk.key} is not one of chunk ${chunk.sha256} in this job`]),
    ...checkLengths(chunk),
    ...(chunk.bytes > 0 ? [] : [`chunk ${chunk.sha256} is empty`]),
    ...(chunk.bytes <= chunkBytesMax ? [] : [`chunk ${chunk.sha256} is larger than a chunk can be`]),
  ];
}

/** A stored length is never more than the raw one: it bounds what a reader fetches. */
function checkLengths({ sha256, codec, bytes, stored }: Chunk): readonly string[] {
  if (codec === 'none')
    return stored === bytes ? [] : [`chunk ${sha256} is stored whole, so its lengths are equal`];
  return stored > 0 && stored < bytes
    ? []
    : [`chunk ${sha256} is stored by ${codec} in ${stored} bytes, not in fewer than ${bytes}`];
}

/** Paths that occur twice, or that are a file here and a folder there. */
function clashingPaths(paths: readonly string[]): readonly string[] {
  const all = new Set<string>();
  const twice = paths.filter((path) => {
    const isKnown = all.has(path);
    all.add(path);
    return isKnown;
  });
  const inside = paths.filter((path) => {
    const segments = path.split('/');
    return segments.some((_, depth) => depth > 0 && all.has(segments.slice(0, depth).join('/')));
  });
  return [
    ...twice.map((path) => `the path ${path} occurs twice`),
    ...inside.map((path) => `the path ${path} lies inside a file`),
  ];
}
