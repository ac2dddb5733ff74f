import { CorruptionError, UnknownFormatError } from '../base/errors.ts';
import { ChunkReader } from '../checkpoint/chunk-reader.ts';
import { compareCompatibility } from '../checkpoint/compare.ts';
import { defaultLanes, inLanes } from '../checkpoint/lanes.ts';
import { parseDocument } from '../contract/parse-document.ts';
import { type TrainerDocument, trainerDocumentSchema } from '../contract/trainer-document.ts';
import { trainerDocumentPath } from '../training/snapshot.ts';
import { diffFiles, type FileDifference, pairFiles } from './diff-files.ts';
import { openCheckpoint, type OpenedCheckpoint, readingPorts, whileRetained } from './open-checkpoint.ts';
import type { Region } from './region.ts';
import { staleSaveWarning } from './stale-save.ts';
import { type ValueDifference, valueDifferences } from './value-differences.ts';

export interface DiffOptions {
  readonly a: CheckpointAddress;
  readonly b: CheckpointAddress;
  readonly signal?: AbortSignal | undefined;
  /** Bytes of A that have been compared, of those that chunks do not already show to be equal. */
  readonly onProgress?: ((done: { readonly bytes: number; readonly of: number }) => void) | undefined;
}

export interface CheckpointAddress {
  readonly jobId: string;
  /** Id, `step120`, `latest` or `best`. */
  readonly checkpoint: string;
}

/** One of the two, as far as its record tells. */
export interface ComparedCheckpoint {
  readonly jobId: string;
  readonly id: string;
  readonly step: number;
  readonly epoch: number;
  readonly example: number;
  readonly reason: string;
  readonly at: string;
  readonly bytes: number;
  /** Names of `state` that the job leaves out of its checkpoints by its own wish. */
  readonly omitted: readonly string[];
}

/** A name of `state`, for TensorFlow.js jobs. */
export interface StateDifference {
  readonly name: string;
  /** What it is on each side; null where it is not there. */
  readonly kind: { readonly a: string | null; readonly b: string | null };
  readonly change: FileDifference['change'];
}

export interface CheckpointDifference {
  readonly a: ComparedCheckpoint;
  readonly b: ComparedCheckpoint;
  /** All files have equal digests, and so equal bytes. */
  readonly isEqual: boolean;
  readonly warnings: readonly string[];
  readonly states: readonly StateDifference[];
  readonly files: readonly FileDifference[];
  readonly values: readonly ValueDifference[];
  /** What must fit for a resume and does not, in words. */
  readonly compatibility: readonly string[];
  /** Raw bytes that had to be fetched. */
  readonly readBytes: number;
}

/**
 * What changed from one checkpoint to another, also of another job. Equal chunks are known by their digests and not
 * fetched; what differs is compared range by range, so that memory does not grow with the state.
 * @throws NotFoundError for a job or checkpoint that is not there; ConflictError when one was dropped meanwhile;
 * CorruptionError when one is damaged
 */
export async function diffCheckpoints(region: Region, options: DiffOptions): Promise<CheckpointDifference> {
  const { signal = new AbortController().signal, onProgress } = options;
  const a = await openCheckpoint(region, { ...options.a, signal });
  const b = await openCheckpoint(region, { ...options.b, signal });
  const reader = new ChunkReader(readingPorts(region));
  return whileRetained(region, [a, b], async () => {
    const [documentA, documentB] = await Promise.all([
      readTrainerDocument(reader, a, signal),
      readTrainerDocument(reader, b, signal),
    ]);
    const stateOf = statesByPath([documentA, documentB]);
    const pairs = pairFiles(a.manifest, b.manifest);
    const files = await inLanes({ lanes: defaultLanes, signal }, (lanes) =>
      diffFiles({ reader, lanes, onProgress }, pairs, stateOf),
    );
    const values = valuesOf({ a, b, documentA, documentB });
    const stale = staleSaveWarning({
      steps: { a: a.record.step, b: b.record.step },
      files,
      document: documentB,
    });
    return {
      a: comparedOf(a),
      b: comparedOf(b),
      isEqual: files.every(({ change }) => change === 'unchanged'),
      warnings: stale === undefined ? [] : [stale],
      states: statesOf({ documentA, documentB, files, values }),
      files,
      values,
      compatibility: compareCompatibility(a.manifest.compatibility, b.manifest.compatibility, {
        saved: 'A',
        wanted: 'B',
      }),
      readBytes: reader.readBytes,
    };
  });
}

/** Undefined where the program is not a TensorFlow.js one; a file of that name may be anybody's. */
export async function readTrainerDocument(
  reader: ChunkReader,
  { manifest }: OpenedCheckpoint,
  signal: AbortSignal,
): Promise<TrainerDocument | undefined> {
  const file = manifest.files.find(({ path }) => path === trainerDocumentPath);
  if (file === undefined) return undefined;
  const bytes = await reader.read(file, { offset: 0, length: file.bytes }, signal);
  try {
    return parseDocument(trainerDocumentSchema, bytes, { what: 'trainer document', at: file.path });
  } catch (error) {
    if (error instanceof CorruptionError || error instanceof UnknownFormatError) return undefined;
    throw error;
  }
}

function statesByPath(documents: readonly (TrainerDocument | undefined)[]): (path: string) => string | null {
  const names = new Map<string, string>();
  for (const document of documents) {
    for (const [name, { file, topology }] of Object.entries(document?.state ?? {})) {
      for (const path of [file, topology]) if (path !== undefined) names.set(path, name);
    }
  }
  return (path) => names.get(path) ?? null;
}

interface ComparedDocuments {
  readonly documentA: TrainerDocument | undefined;
  readonly documentB: TrainerDocument | undefined;
}

function valuesOf(
  compared: ComparedDocuments & { readonly a: OpenedCheckpoint; readonly b: OpenedCheckpoint },
): readonly ValueDifference[] {
  const { a, b, documentA, documentB } = compared;
  const [partsA, partsB] = [partsOf(a, documentA), partsOf(b, documentB)];
  return [
    ...valueDifferences(partsA.position, partsB.position, { section: 'position', path: '' }),
    ...valueDifferences(partsA.parameters, partsB.parameters, { section: 'parameters', path: '' }),
    ...valueDifferences(partsA.optimizer, partsB.optimizer, { section: 'optimizer', path: '' }),
    ...valueDifferences(partsA.progress, partsB.progress, { section: 'progress', path: '' }),
    ...valueDifferences(partsA.state, partsB.state, { section: 'state', path: '' }),
    ...valueDifferences(a.manifest.runtime, b.manifest.runtime, { section: 'runtime', path: '' }),
  ];
}

/** A checkpoint's values by the section that tells them. */
function partsOf({ record }: OpenedCheckpoint, document: TrainerDocument | undefined) {
  const { step, epoch, example } = record;
  const position = { step, epoch, example };
  if (document === undefined) return { position, parameters: {}, optimizer: {}, progress: {}, state: {} };
  const { params, seed, data, inputs, evaluation, best, stopped, epochMetrics } = document;
  const entries = Object.entries(document.state);
  return {
    position,
    parameters: { params, seed, data, inputs },
    optimizer: Object.fromEntries(
      entries.flatMap(([name, { optimizer }]) => (optimizer === undefined ? [] : [[name, optimizer]])),
    ),
    progress: { evaluation, best, stopped, epochMetrics },
    state: Object.fromEntries(
      entries.flatMap(([name, { value }]) => (value === undefined ? [] : [[name, value]])),
    ),
  };
}

function statesOf(
  compared: ComparedDocuments & {
    readonly files: readonly FileDifference[];
    readonly values: readonly ValueDifference[];
  },
): readonly StateDifference[] {
  const { documentA, documentB, files, values } = compared;
  const [inA, inB] = [documentA?.state ?? {}, documentB?.state ?? {}];
  const moved = new Set(
    values.filter(({ section }) => section === 'state' || section === 'optimizer').map(({ path }) => path),
  );
  const isChanged = (name: string): boolean =>
    files.some((file) => file.state === name && file.change !== 'unchanged') ||
    [...moved].some((path) => path === name || path.startsWith(`${name}.`)) ||
    inA[name]?.kind !== inB[name]?.kind;
  return [...new Set([...Object.keys(inA), ...Object.keys(inB)])].map((name) => {
    const kind = { a: inA[name]?.kind ?? null, b: inB[name]?.kind ?? null };
    const both = isChanged(name) ? 'changed' : 'unchanged';
    return { name, kind, change: kind.a === null ? 'added' : kind.b === null ? 'removed' : both };
  });
}

function comparedOf({ jobId, record, manifest }: OpenedCheckpoint): ComparedCheckpoint {
  const { id, step, epoch, example, reason, at, bytes } = record;
  return { jobId, id, step, epoch, example, reason, at, bytes, omitted: manifest.omitted ?? [] };
}
