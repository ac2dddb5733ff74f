import { CorruptionError } from '../base/errors.ts';
import type { ChunkReader } from '../checkpoint/chunk-reader.ts';
import {
  bytesToCompare,
  compareTensors,
  openTensorFile,
  type TensorDifference,
  type TensorFile,
} from '../checkpoint/compare-tensors.ts';
import type { Lanes } from '../checkpoint/lanes.ts';
import { DamagedObjectError } from '../checkpoint/verified-get.ts';
import type { Manifest, ManifestFile } from '../contract/manifest.ts';

export interface FileDifference {
  /** In B; in A where B has no such file. */
  readonly path: string;
  /** Where A calls it otherwise, as a program that puts the step into the name of its folder. */
  readonly pathInA?: string;
  /** Name of the `state` that it belongs to, for a TensorFlow.js job. */
  readonly state: string | null;
  readonly change: 'unchanged' | 'changed' | 'added' | 'removed';
  readonly bytes: { readonly a: number | null; readonly b: number | null };
  readonly digest: { readonly a: string | null; readonly b: string | null };
  /** Bytes of B in chunks that A has as well. */
  readonly sharedBytes: number;
  /** Its name says safetensors. */
  readonly isTensorFile: boolean;
  /** Tensor by tensor; null where nothing had to be read (an unchanged file), and for any other kind of file. */
  readonly tensors: readonly TensorDifference[] | null;
}

export interface FilePair {
  readonly a: ManifestFile | undefined;
  readonly b: ManifestFile | undefined;
}

export interface DiffFilesPorts {
  readonly reader: ChunkReader;
  readonly lanes: Lanes;
  readonly onProgress: ((done: { readonly bytes: number; readonly of: number }) => void) | undefined;
}

/** Files of two checkpoints that are the same one at two times. In the order of A, then what only B has. */
export function pairFiles(a: Manifest, b: Manifest): readonly FilePair[] {
  const [nameA, nameB] = [namer(a.files), namer(b.files)];
  const inB = new Map(b.files.map((file) => [nameB(file.path), file]));
  const inA = new Set(a.files.map((file) => nameA(file.path)));
  return [
    ...a.files.map((file) => ({ a: file, b: inB.get(nameA(file.path)) })),
    ...b.files.filter((file) => !inA.has(nameB(file.path))).map((file) => ({ a: undefined, b: file })),
  ];
}

/**
 * What a file is called whatever the step: many programs put it into the name of their one folder (`checkpoint-500/…`) or
 * of their one file (`step=500.ckpt`).
 */
function namer(files: readonly ManifestFile[]): (path: string) => string {
  if (files.length === 1) return () => '';
  const folders = new Set(files.map(({ path }) => path.slice(0, path.indexOf('/') + 1)));
  const [folder = ''] = folders;
  return folders.size === 1 ? (path) => path.slice(folder.length) : (path) => path;
}

/**
 * Compares files by digest, and safetensors files that differ tensor by tensor.
 * @param stateOf name of the `state` that a path belongs to
 */
export async function diffFiles(
  ports: DiffFilesPorts,
  pairs: readonly FilePair[],
  stateOf: (path: string) => string | null,
): Promise<readonly FileDifference[]> {
  const { reader, lanes, onProgress } = ports;
  const opened = await Promise.all(
    pairs.map((pair) =>
      lanes.run(async () => ({ pair, tensors: await openPair(reader, pair, lanes.signal) })),
    ),
  );
  const of = opened.reduce(
    (sum, { tensors }) =>
      sum + (tensors?.a === undefined || tensors.b === undefined ? 0 : bytesToCompare(tensors.a, tensors.b)),
    0,
  );
  let bytes = 0;
  const onCompared = (compared: number): void => {
    bytes += compared;
    onProgress?.({ bytes, of });
  };
  return Promise.all(
    opened.map(async ({ pair, tensors }) => ({
      ...differenceOf(pair, stateOf),
      tensors:
        tensors === undefined
          ? null
          : await compareTensors(
              { reader, lanes, onCompared },
              tensors.a ?? emptyFile,
              tensors.b ?? emptyFile,
            ),
    })),
  );
}

/** In place of a file that one side does not have. */
const emptyFile: TensorFile = {
  file: { path: '', bytes: 0, digest: '', chunks: [] },
  places: new Map(),
};

interface OpenedPair {
  readonly a: TensorFile | undefined;
  readonly b: TensorFile | undefined;
}

/** Undefined for files that are not to be compared tensor by tensor. */
async function openPair(
  reader: ChunkReader,
  { a, b }: FilePair,
  signal: AbortSignal,
): Promise<OpenedPair | undefined> {
  const sides = [a, b].filter((file) => file !== undefined);
  if (!sides.every(isSafetensors) || a?.digest === b?.digest) return undefined;
  try {
    const open = async (file: ManifestFile | undefined): Promise<TensorFile | undefined> =>
      file === undefined ? undefined : openTensorFile(reader, file, signal);
    return { a: await open(a), b: await open(b) };
  } catch (error) {
    // A program may call anything so, and newer types of elements come up: then the file is one of bytes.
    if (error instanceof CorruptionError && !(error instanceof DamagedObjectError)) return undefined;
    throw error;
  }
}

function differenceOf(
  { a, b }: FilePair,
  stateOf: (path: string) => string | null,
): Omit<FileDifference, 'tensors'> {
  const path = b?.path ?? a?.path ?? '';
  const inA = new Set(a?.chunks.map(({ sha256 }) => sha256));
  const shared = b?.chunks.filter(({ sha256 }) => inA.has(sha256)) ?? [];
  return {
    path,
    ...(a !== undefined && a.path !== path && { pathInA: a.path }),
    state: stateOf(path),
    change: changeOf(a, b),
    bytes: { a: a?.bytes ?? null, b: b?.bytes ?? null },
    digest: { a: a?.digest ?? null, b: b?.digest ?? null },
    sharedBytes: shared.reduce((sum, { bytes }) => sum + bytes, 0),
    isTensorFile: path.endsWith(safetensorsSuffix),
  };
}

function changeOf(a: ManifestFile | undefined, b: ManifestFile | undefined): FileDifference['change'] {
  if (a === undefined) return 'added';
  if (b === undefined) return 'removed';
  return a.digest === b.digest ? 'unchanged' : 'changed';
}

const safetensorsSuffix = '.safetensors';

function isSafetensors({ path }: ManifestFile): boolean {
  return path.endsWith(safetensorsSuffix);
}
