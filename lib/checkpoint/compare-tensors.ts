import { defined } from '../base/assert.ts';
import type { ManifestFile } from '../contract/manifest.ts';
import {
  placesInSafetensors,
  type SafetensorsDtype,
  safetensorsHeadBytes,
  type TensorPlace,
  widthOf,
} from '../contract/safetensors.ts';
import { type ChunkReader, chunksIn, cutsOf } from './chunk-reader.ts';
import type { Lanes } from './lanes.ts';
import { changeOfParts, type TensorChange, TensorChangeSum } from './tensor-change.ts';

export interface TensorFacts {
  readonly dtype: SafetensorsDtype;
  readonly shape: readonly number[];
}

/** One tensor of A, of B, or of both. */
export type TensorDifference =
  | { readonly kind: 'unchanged'; readonly name: string; readonly a: TensorFacts; readonly b: TensorFacts }
  | {
      readonly kind: 'changed';
      readonly name: string;
      readonly a: TensorFacts;
      readonly b: TensorFacts;
      readonly change: TensorChange;
    }
  /** The type or the shape is another one: nothing to subtract. */
  | { readonly kind: 'reshaped'; readonly name: string; readonly a: TensorFacts; readonly b: TensorFacts }
  | { readonly kind: 'removed'; readonly name: string; readonly a: TensorFacts }
  | { readonly kind: 'added'; readonly name: string; readonly b: TensorFacts };

/** A safetensors file of a checkpoint, and where its tensors lie. */
export interface TensorFile {
  readonly file: ManifestFile;
  readonly places: ReadonlyMap<string, TensorPlace>;
}

/**
 * Reads the head of a safetensors file, and no more.
 * @throws CorruptionError when the file is none; errors of the reader
 */
export async function openTensorFile(
  reader: ChunkReader,
  file: ManifestFile,
  signal: AbortSignal,
): Promise<TensorFile> {
  const { path, bytes } = file;
  const read = (length: number): Promise<Uint8Array> =>
    reader.read(file, { offset: 0, length: Math.min(length, bytes) }, signal);
  const headBytes = safetensorsHeadBytes({ head: await read(8), bytes }, path);
  return { file, places: placesInSafetensors({ head: await read(headBytes), bytes }, path) };
}

export interface CompareTensorsPorts {
  readonly reader: ChunkReader;
  readonly lanes: Lanes;
  /** Told of bytes of A that have been compared. */
  readonly onCompared: (bytes: number) => void;
}

/**
 * Every tensor of two files, in the order of A, then what only B has. Ranges that lie in equal chunks are known to be
 * equal and are not fetched, but for the norm of a tensor that changed elsewhere. The rest is compared range by range: in
 * memory are at most two chunks a lane, and what the reader keeps.
 */
export async function compareTensors(
  ports: CompareTensorsPorts,
  a: TensorFile,
  b: TensorFile,
): Promise<readonly TensorDifference[]> {
  const names = [...a.places.keys(), ...[...b.places.keys()].filter((name) => !a.places.has(name))];
  return Promise.all(
    names.map(async (name): Promise<TensorDifference> => {
      const [placeA, placeB] = [a.places.get(name), b.places.get(name)];
      if (placeA === undefined) return { kind: 'added', name, b: factsOf(placeB) };
      if (placeB === undefined) return { kind: 'removed', name, a: factsOf(placeA) };
      const facts = { name, a: factsOf(placeA), b: factsOf(placeB) };
      if (!isAlike(placeA, placeB)) return { kind: 'reshaped', ...facts };
      const pair = { a: { file: a.file, place: placeA }, b: { file: b.file, place: placeB } };
      const change = await changeOf(ports, pair);
      return change === undefined ? { kind: 'unchanged', ...facts } : { kind: 'changed', ...facts, change };
    }),
  );
}

interface Side {
  readonly file: ManifestFile;
  readonly place: TensorPlace;
}

interface Pair {
  readonly a: Side;
  readonly b: Side;
}

/** Bytes of a tensor, counted from its beginning. */
interface Cut {
  readonly begin: number;
  readonly end: number;
  /** Both sides have it in chunks of the same digest. */
  readonly isShared: boolean;
}

async function changeOf(ports: CompareTensorsPorts, pair: Pair): Promise<TensorChange | undefined> {
  const { reader, lanes, onCompared } = ports;
  const { dtype } = pair.a.place;
  const cuts = cutsWithin(pair);
  const read = ({ file, place }: Side, { begin, end }: Cut): Promise<Uint8Array> =>
    reader.read(file, { offset: place.begin + begin, length: end - begin }, lanes.signal);
  /** Sums in the order of the file, whichever lane ends first: the same comparison gives the same last digits. */
  const sums = new Map<Cut, TensorChangeSum>();
  const sumOf = (cut: Cut): Promise<void> =>
    lanes.run(async () => {
      const sum = new TensorChangeSum(dtype);
      sums.set(cut, sum);
      const [a, b] = await Promise.all([read(pair.a, cut), cut.isShared ? undefined : read(pair.b, cut)]);
      if (b === undefined) {
        sum.addEqual(a);
        return;
      }
      sum.add(a, b);
      onCompared(cut.end - cut.begin);
    });
  await Promise.all(cuts.filter((cut) => !cut.isShared).map(sumOf));
  if ([...sums.values()].every((sum) => sum.changedElements === 0)) return undefined;
  // The norm is that of the whole tensor.
  await Promise.all(cuts.filter((cut) => cut.isShared).map(sumOf));
  return changeOfParts(cuts.flatMap((cut) => sums.get(cut) ?? []));
}

/** Cuts a tensor where a chunk of either side ends, at whole elements: a lane holds a chunk or two of each at a time. */
function cutsWithin(pair: Pair): readonly Cut[] {
  const { a, b } = pair;
  const width = widthOf(a.place.dtype);
  const bytes = a.place.end - a.place.begin;
  const ends = [a, b].flatMap(({ file, place }) =>
    cutsOf(file).map((end) => Math.ceil((end - place.begin) / width) * width),
  );
  const within = [...new Set(ends)].filter((end) => end > 0 && end < bytes).toSorted((x, y) => x - y);
  const bounds = bytes === 0 ? [] : [0, ...within, bytes];
  return bounds.slice(1).map((end, index) => {
    const begin = bounds[index] ?? 0;
    return { begin, end, isShared: isShared(pair, { begin, end }) };
  });
}

/** Both sides have these bytes in chunks of the same digest, at the same place in them. */
function isShared({ a, b }: Pair, { begin, end }: Omit<Cut, 'isShared'>): boolean {
  const partsOf = ({ file, place }: Side): string =>
    chunksIn(file, { offset: place.begin + begin, length: end - begin })
      .map((part) => `${part.chunk.sha256}:${part.begin}:${part.end}`)
      .join(' ');
  return partsOf(a) === partsOf(b);
}

/** Bytes of A's tensors that a comparison has to fetch, as far as chunks tell. */
export function bytesToCompare(a: TensorFile, b: TensorFile): number {
  let bytes = 0;
  for (const [name, placeA] of a.places) {
    const placeB = b.places.get(name);
    if (placeB === undefined || !isAlike(placeA, placeB)) continue;
    const pair = { a: { file: a.file, place: placeA }, b: { file: b.file, place: placeB } };
    for (const { begin, end, isShared: isKnown } of cutsWithin(pair)) if (!isKnown) bytes += end - begin;
  }
  return bytes;
}

function isAlike(a: TensorPlace, b: TensorPlace): boolean {
  return (
    a.dtype === b.dtype &&
    a.shape.length === b.shape.length &&
    a.shape.every((size, axis) => size === b.shape[axis])
  );
}

function factsOf(place: TensorPlace | undefined): TensorFacts {
  const { dtype, shape } = defined(place, 'a tensor is in one of the two files');
  return { dtype, shape };
}
