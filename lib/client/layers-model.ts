import { defined } from '../base/assert.ts';
import { NotFoundError, UsageError } from '../base/errors.ts';
import { type ChunkReader, type FileRange, piecesOf } from '../checkpoint/chunk-reader.ts';
import { openTensorFile, type TensorFile } from '../checkpoint/compare-tensors.ts';
import type { ManifestFile } from '../contract/manifest.ts';
import type { SafetensorsDtype, TensorPlace } from '../contract/safetensors.ts';
import type { StateEntryDocument, TrainerDocument } from '../contract/trainer-document.ts';
import { averagedWeights } from './averaged-weights.ts';
import type { ExportFile, ExportPiece } from './export-folder.ts';
import type { OpenedCheckpoint } from './open-checkpoint.ts';

export interface LayersModelOptions {
  readonly opened: OpenedCheckpoint;
  readonly document: TrainerDocument | undefined;
  /** Name of the `state` that is the model; needed where there are several. */
  readonly state?: string | undefined;
  /** Name of the `state` that holds averages of the model's weights, to be taken in their place. */
  readonly weights?: string | undefined;
}

export interface LayersModelPlan {
  readonly files: readonly ExportFile[];
  readonly state: string;
  /** What a reader of the folder must know, in words. */
  readonly notes: readonly string[];
}

/** Where the bytes of a weight lie. */
export interface PlacedWeight {
  readonly file: ManifestFile;
  readonly place: TensorPlace;
}

/** What TensorFlow.js calls the types that a model's weights can have. */
const dtypes: Partial<Readonly<Record<SafetensorsDtype, string>>> = {
  F32: 'float32',
  I32: 'int32',
  BOOL: 'bool',
};

const weightsPath = 'weights.bin';

/**
 * A model as `tf.loadLayersModel` reads it: `model.json` with its topology and a list of the weights, and the weights in
 * one file. Made of the checkpoint's own bytes; the optimizer stays out, since such a folder cannot hold one exactly.
 * @throws UsageError when there is no such model, or it is not clear which; errors of the reader
 */
export async function layersModelFiles(
  reader: ChunkReader,
  options: LayersModelOptions,
  signal: AbortSignal,
): Promise<LayersModelPlan> {
  const { opened, document } = options;
  const { name, entry } = modelIn(opened, document, options.state);
  const topology = await readTopology(reader, { opened, name, entry, signal });
  const open = (path: string): Promise<TensorFile> => openTensorFile(reader, fileOf(opened, path), signal);
  const own = entry.file === undefined ? undefined : await open(entry.file);
  const names = weightNames(opened, name);
  if (own !== undefined && names.length === 0) throw foreign('it does not say which tensors are weights');
  const ownWeights = new Map(names.map((weight) => [weight, placed(own, weight)]));
  const average =
    options.weights === undefined || document === undefined
      ? undefined
      : await averagedWeights({ document, name: options.weights, model: ownWeights, open });
  const weights = new Map([...ownWeights, ...(average?.weights ?? [])]);
  const model = modelJson({ topology, weights, opened, name, averages: options.weights });
  const pieces = [...weights.values()].flatMap(({ file, place }) =>
    piecesOf(reader, file, { offset: place.begin, length: place.end - place.begin }),
  );
  return {
    state: name,
    files: [wholeFile('model.json', model), fileOfPieces(weightsPath, pieces)],
    notes: [...leftOut(name, entry, { own, names }), ...(average?.notes ?? [])],
  };
}

/** All of a file of the checkpoint. */
export function wholeOf(reader: ChunkReader, file: ManifestFile): ExportFile {
  const range: FileRange = { offset: 0, length: file.bytes };
  return { path: file.path, bytes: file.bytes, pieces: piecesOf(reader, file, range) };
}

function wholeFile(path: string, bytes: Uint8Array): ExportFile {
  return fileOfPieces(path, [{ bytes: bytes.byteLength, read: () => Promise.resolve(bytes) }]);
}

function fileOfPieces(path: string, pieces: readonly ExportPiece[]): ExportFile {
  return { path, bytes: pieces.reduce((sum, { bytes }) => sum + bytes, 0), pieces };
}

interface Model {
  readonly name: string;
  readonly entry: StateEntryDocument;
}

function modelIn(
  { manifest, jobId }: OpenedCheckpoint,
  document: TrainerDocument | undefined,
  wanted: string | undefined,
): Model {
  const hint = `\`holdfast checkpoints export ${jobId} DIR\` writes the files as they are.`;
  if (document === undefined) {
    throw new UsageError('this job keeps no model of TensorFlow.js in its checkpoints.', { hint });
  }
  const models = Object.entries(document.state).filter(([, { kind }]) => kind === 'model');
  const names = models.map(([name]) => name).join(', ');
  if (wanted === undefined) {
    const [only, ...others] = models;
    if (only === undefined) throw new UsageError('this checkpoint holds no model, only parts.', { hint });
    if (others.length > 0)
      throw new UsageError(`which model? The checkpoint holds ${names}.`, { hint: 'Name it with --state.' });
    return { name: only[0], entry: only[1] };
  }
  if (manifest.omitted?.includes(wanted) === true)
    throw new NotFoundError(`the job leaves \`${wanted}\` out of its checkpoints.`, { hint });
  const entry = document.state[wanted];
  if (entry?.kind === 'model') return { name: wanted, entry };
  const what = entry === undefined ? 'there is no such state' : `it is of kind ${entry.kind}`;
  throw new UsageError(`\`${wanted}\` is no model: ${what}.`, {
    hint: names === '' ? hint : `There ${models.length === 1 ? 'is' : 'are'} ${names}.`,
  });
}

async function readTopology(
  reader: ChunkReader,
  from: Model & { readonly opened: OpenedCheckpoint; readonly signal: AbortSignal },
): Promise<unknown> {
  const { opened, name, entry, signal } = from;
  if (entry.topology === undefined) {
    throw new UsageError(
      `the model \`${name}\` cannot describe itself, so that nobody could build it again.`,
      {
        hint: `Its layers have no getConfig(). \`holdfast checkpoints export ${opened.jobId} DIR\` writes its weights.`,
      },
    );
  }
  const file = fileOf(opened, entry.topology);
  const bytes = await reader.read(file, { offset: 0, length: file.bytes }, signal);
  return JSON.parse(new TextDecoder().decode(bytes));
}

function fileOf({ manifest }: OpenedCheckpoint, path: string): ManifestFile {
  const file = manifest.files.find((one) => one.path === path);
  if (file !== undefined) return file;
  throw foreign(`it lacks the file ${path}`);
}

/** The weights are what a resume compares; slots of the optimizer and recurrent states lie in the same file. */
function weightNames({ manifest }: OpenedCheckpoint, name: string): readonly string[] {
  const states = membersOf(manifest.compatibility['state']);
  return Object.keys(membersOf(membersOf(states[name])['tensors']));
}

function membersOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? Object.fromEntries(Object.entries(value)) : {};
}

function placed(own: TensorFile | undefined, weight: string): PlacedWeight {
  const place = own?.places.get(weight);
  if (own !== undefined && place !== undefined && dtypes[place.dtype] !== undefined)
    return { file: own.file, place };
  throw foreign(
    place === undefined ? `it lacks the weight ${weight}` : `${weight} is of type ${place.dtype}`,
  );
}

/** What no trainer of ours writes. */
function foreign(why: string): UsageError {
  return new UsageError(`this checkpoint is not that of a TensorFlow.js model: ${why}.`, {
    hint: 'Another program wrote it. Export its files as they are, without --format layers.',
  });
}

function modelJson(facts: {
  readonly topology: unknown;
  readonly weights: ReadonlyMap<string, PlacedWeight>;
  readonly opened: OpenedCheckpoint;
  readonly name: string;
  readonly averages: string | undefined;
}): Uint8Array {
  const { topology, weights, opened, name, averages } = facts;
  const { record, jobId } = opened;
  const specs = Array.from(weights, ([weight, { place }]) => {
    const dtype = defined(dtypes[place.dtype], 'the type of a weight was looked at when it was placed');
    return { name: weight, shape: place.shape, dtype };
  });
  const document = {
    format: 'layers-model',
    generatedBy: 'Holdfast',
    convertedBy: null,
    modelTopology: { ...membersOf(topology), backend: 'tensor_flow.js' },
    weightsManifest: [{ paths: [weightsPath], weights: specs }],
    userDefinedMetadata: {
      holdfast: {
        jobId,
        checkpoint: record.id,
        step: record.step,
        epoch: record.epoch,
        state: name,
        weights: averages ?? name,
      },
    },
  };
  return new TextEncoder().encode(`${JSON.stringify(document)}\n`);
}

function leftOut(
  name: string,
  { optimizer }: StateEntryDocument,
  { own, names }: { readonly own: TensorFile | undefined; readonly names: readonly string[] },
): readonly string[] {
  const weights = new Set(names);
  const others = [...(own?.places.keys() ?? [])].filter((tensor) => !weights.has(tensor));
  const states = others.filter((tensor) => optimizer === undefined || !tensor.startsWith('optimizer/'));
  return [
    ...(optimizer === undefined
      ? []
      : [`the optimizer of \`${name}\` (${optimizer.class}) is left out: such a folder holds none exactly`]),
    ...(states.length === 0 ? [] : [`left out, since they are no weights: ${states.join(', ')}`]),
  ];
}
