/**
 * The safetensors format: 8 bytes little-endian length of the header, the header in JSON, the tensors.
 * https://github.com/huggingface/safetensors#format
 *
 * Equal names, types and shapes give an equal header, so that from step to step only tensors differ and the cuts of a
 * file stay where they are.
 */
import { CorruptionError } from '../base/errors.ts';
import { assert } from '../base/assert.ts';
import { parseJson } from '../base/parse-json.ts';
import { shorten } from '../base/shorten.ts';

/** Widths in bytes. */
const widths = {
  F64: 8,
  I64: 8,
  U64: 8,
  F32: 4,
  I32: 4,
  U32: 4,
  F16: 2,
  BF16: 2,
  I16: 2,
  U16: 2,
  F8_E5M2: 1,
  F8_E4M3: 1,
  I8: 1,
  U8: 1,
  BOOL: 1,
} as const;

export type SafetensorsDtype = keyof typeof widths;
export interface TensorSpec {
  readonly name: string;
  readonly dtype: SafetensorsDtype;
  readonly shape: readonly number[];
}
export interface PlacedTensor<Spec extends TensorSpec = TensorSpec> {
  readonly spec: Spec;
  readonly bytes: number;
}
export interface SafetensorsLayout<Spec extends TensorSpec = TensorSpec> {
  /** The file up to the first tensor. */
  readonly header: Uint8Array;
  /** In the order in which they follow the header, without gaps. */
  readonly tensors: readonly PlacedTensor<Spec>[];
  /** Length of the file. */
  readonly bytes: number;
}
/** Where a tensor lies in its file. */
export interface TensorPlace {
  readonly dtype: SafetensorsDtype;
  readonly shape: readonly number[];
  /** Offsets in the file: inclusive, exclusive. */
  readonly begin: number;
  readonly end: number;
}
/** What the reference implementation accepts. */
const headerBytesMax = 100_000_000;
/** Tensors start at the boundary of a page, so that files can be mapped, and small edits of the header move nothing. */
const headerAlignment = 4096;
const lengthBytes = 8;
/** Tensors from here on come first: what changes at each step in small pieces then does not shift the large ones. */
const largeFrom = 64 * 1024;
/** Deeper shapes than TensorFlow.js itself can make are damage. */
const rankMax = 16;

/**
 * Places tensors in a file: wide types before narrow ones (which aligns each), large before small, otherwise as given.
 * `tensors` must have different names.
 */
export function layoutSafetensors<Spec extends TensorSpec>(
  tensors: readonly Spec[],
): SafetensorsLayout<Spec> {
  const placed = tensors.map((spec) => ({ spec, bytes: byteLengthOf(spec) })).toSorted(byPlace);
  const index: [string, object][] = [];
  let end = 0;
  for (const { spec, bytes } of placed) {
    index.push([spec.name, { dtype: spec.dtype, shape: spec.shape, data_offsets: [end, end + bytes] }]);
    end += bytes;
  }
  assert(new Set(tensors.map(({ name }) => name)).size === tensors.length, 'tensor names in a file differ');
  const header = headerOf(index);
  return { header, tensors: placed, bytes: header.length + end };
}

/**
 * How many bytes from the beginning of a file hold its header, which its first eight bytes say.
 * @throws CorruptionError naming the file and the fault
 */
export function safetensorsHeadBytes(file: SafetensorsHead, at: string): number {
  return headerEndOf(file, failFor(at));
}

/** The beginning of a file, and how long the whole is. */
export interface SafetensorsHead {
  readonly head: Uint8Array;
  readonly bytes: number;
}

/**
 * Where each tensor lies, in the order of the file, known from its head alone (`safetensorsHeadBytes`). Every byte of the
 * file belongs to a tensor.
 * @throws CorruptionError naming the file and the fault
 */
export function placesInSafetensors(file: SafetensorsHead, at: string): ReadonlyMap<string, TensorPlace> {
  const fail = failFor(at);
  const headerEnd = headerEndOf(file, fail);
  const header = headerIn(file.head.subarray(lengthBytes, headerEnd), fail);
  const dataBytes = file.bytes - headerEnd;
  const places = new Map<string, TensorPlace>();
  let next = 0;
  for (const [name, entry] of header.toSorted(([, a], [, b]) => a.begin - b.begin || a.end - b.end)) {
    const { dtype, shape, begin, end } = entry;
    if (begin !== next) fail(`tensor ${name} begins at ${begin}, where ${next} was expected`);
    if (end > dataBytes) fail(`tensor ${name} ends beyond the file`);
    const bytes = byteLengthOf({ name, dtype, shape });
    if (end - begin !== bytes) fail(`tensor ${name} has ${end - begin} bytes, its shape needs ${bytes}`);
    places.set(name, { dtype, shape, begin: headerEnd + begin, end: headerEnd + end });
    next = end;
  }
  if (next !== dataBytes) fail(`${dataBytes - next} bytes belong to no tensor`);
  return places;
}

function failFor(at: string): Fail {
  return (fault) => {
    throw new CorruptionError(`a safetensors file is not valid: ${shorten(fault, 1_000)}.`, {
      facts: { at },
    });
  };
}

/** Bytes of one element. */
export function widthOf(dtype: SafetensorsDtype): number {
  return widths[dtype];
}

export function byteLengthOf({ dtype, shape }: TensorSpec): number {
  return shape.reduce((product, size) => product * size, widths[dtype]);
}

function byPlace(a: PlacedTensor, b: PlacedTensor): number {
  return widths[b.spec.dtype] - widths[a.spec.dtype] || sizeClass(b) - sizeClass(a);
}

function sizeClass({ bytes }: PlacedTensor): number {
  return bytes >= largeFrom ? 1 : 0;
}

function headerOf(index: readonly (readonly [string, object])[]): Uint8Array {
  // Written by hand, because an object would put names that look like numbers first.
  const entries = index.map(([name, entry]) => `${JSON.stringify(name)}:${JSON.stringify(entry)}`);
  const json = new TextEncoder().encode(`{${entries.join(',')}}`);
  const total = Math.ceil((lengthBytes + json.length) / headerAlignment) * headerAlignment;
  assert(total - lengthBytes <= headerBytesMax, 'the header fits the format');
  const header = new Uint8Array(total).fill(0x20);
  new DataView(header.buffer).setBigUint64(0, BigInt(total - lengthBytes), true);
  header.set(json, lengthBytes);
  return header;
}

type Fail = (fault: string) => never;

function headerEndOf({ head, bytes }: SafetensorsHead, fail: Fail): number {
  if (head.length < lengthBytes) return fail('it is shorter than its length field');
  const length = new DataView(head.buffer, head.byteOffset).getBigUint64(0, true);
  if (length > BigInt(headerBytesMax)) return fail(`its header claims ${length} bytes`);
  const end = lengthBytes + Number(length);
  return end > bytes ? fail('its header ends beyond the file') : end;
}

/** Offsets are counted from the first tensor, as the header counts them. */
type HeaderEntry = TensorPlace;

function headerIn(bytes: Uint8Array, fail: Fail): readonly (readonly [string, HeaderEntry])[] {
  let header: unknown;
  let text = '';
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    header = parseJson(text);
  } catch {
    return fail('its header is not JSON');
  }
  if (!isRecord(header)) return fail('its header is not an object');
  const repeated = repeatedKeyIn(text);
  if (repeated !== undefined) return fail(`tensor ${repeated} is listed twice`);
  return Object.entries(header)
    .filter(([name]) => name !== '__metadata__')
    .map(([name, entry]) => [name, headerEntryIn(name, entry, fail)]);
}

function headerEntryIn(name: string, entry: unknown, fail: Fail): HeaderEntry {
  if (!isRecord(entry)) return fail(`tensor ${name} has no description`);
  const { dtype, shape, data_offsets: offsets } = entry;
  if (!isDtype(dtype))
    return fail(`tensor ${name} has the unknown type ${shorten(JSON.stringify(dtype) ?? typeof dtype, 40)}`);
  if (!isCounts(shape) || shape.length > rankMax) return fail(`tensor ${name} has no valid shape`);
  if (!isCounts(offsets) || offsets.length !== 2) return fail(`tensor ${name} has no valid offsets`);
  const [begin = 0, end = 0] = offsets;
  if (begin > end) return fail(`tensor ${name} ends before it begins`);
  return { dtype, shape, begin, end };
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isDtype(value: unknown): value is SafetensorsDtype {
  return typeof value === 'string' && Object.hasOwn(widths, value);
}

function isCounts(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 0);
}

/** JSON.parse keeps the last of two equal keys without a word; a file that lists a tensor twice is damaged. */
function repeatedKeyIn(json: string): string | undefined {
  const seen = new Set<string>();
  let depth = 0;
  // Character by character: a regular expression would keep a way back for each one of a long name.
  for (let at = 0; at < json.length; at++) {
    const character = json[at];
    if (character === '{' || character === '[') depth++;
    else if (character === '}' || character === ']') depth--;
    else if (character === '"') {
      const begin = at;
      at = endOfText(json, begin);
      if (depth !== 1 || !isFollowedByColon(json, at + 1)) continue;
      const key: string = JSON.parse(json.slice(begin, at + 1));
      if (seen.has(key)) return key;
      seen.add(key);
    }
  }
  return undefined;
}

/** Where the text that begins at `begin` has its second quote; the JSON was parsed before. */
function endOfText(json: string, begin: number): number {
  let at = begin + 1;
  while (at < json.length && json[at] !== '"') at += json[at] === '\\' ? 2 : 1;
  return at;
}

function isFollowedByColon(json: string, from: number): boolean {
  let at = from;
  while (json[at] === ' ' || json[at] === '\n' || json[at] === '\r' || json[at] === '\t') at++;
  return json[at] === ':';
}
