import { UserProgramError } from '../base/errors.ts';
import type { Plain, TypedArray } from './define-training.ts';

/** What JSON can hold: the encoded form. */
export type Encoded =
  | null
  | boolean
  | number
  | string
  | readonly Encoded[]
  | { readonly [name: string]: Encoded };

export interface EncodeOptions {
  /** What the value is, for the message of a refusal: `state.episode`. */
  readonly at: string;
  /** Stores a typed array elsewhere and returns the name under which it is found again. Without it they are refused. */
  readonly typedArray?: (array: TypedArray, path: string) => string;
}

/**
 * Values with the same JSON on both sides of a checkpoint, and with what JSON drops: `undefined`, NaN, ±Infinity, −0,
 * bigint, Map, Set, Date. Those become `{"$": kind, "value": …}`; an object of the program that has a key `$` is written
 * as a list of pairs, so that nothing can be mistaken for a tag. Order of keys is kept.
 * @throws UserProgramError that names the path of what cannot be saved: a function, a class instance, a cycle
 */
export function encodePlain(value: unknown, options: EncodeOptions): Encoded {
  return encode(value, options.at, { options, ancestors: new Set() });
}

/** The inverse of {@link encodePlain}. `typedArray` finds what was stored elsewhere. */
export function decodePlain(encoded: Encoded, typedArray?: (name: string) => TypedArray): Plain | TypedArray {
  if (encoded === null || typeof encoded !== 'object') return encoded;
  if (isList(encoded)) return encoded.map((item) => decoded(item, typedArray));
  const tag = encoded['$'];
  if (typeof tag === 'string') return decodeTagged(tag, encoded['value'] ?? null, typedArray);
  return Object.fromEntries(Object.entries(encoded).map(([key, item]) => [key, decoded(item, typedArray)]));
}

/** A typed array in the middle of plain values comes back as itself; TypeScript's `Plain` does not name it. */
function decoded(encoded: Encoded, typedArray: ((name: string) => TypedArray) | undefined): Plain {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return decodePlain(encoded, typedArray) as Plain;
}

interface Walk {
  readonly options: EncodeOptions;
  /** Objects that hold the present one: meeting one of them again is a cycle. */
  readonly ancestors: Set<object>;
}

function encode(value: unknown, path: string, walk: Walk): Encoded {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value;
    case 'undefined':
      return { $: 'undefined' };
    case 'bigint':
      return { $: 'bigint', value: String(value) };
    case 'number':
      return encodeNumber(value);
    case 'object':
      return value === null ? null : encodeObject(value, path, walk);
    case 'function':
    case 'symbol':
    default:
      throw cannotSave(`a ${typeof value}`, path);
  }
}

function encodeNumber(value: number): Encoded {
  if (Object.is(value, -0)) return { $: 'number', value: '-0' };
  return Number.isFinite(value) ? value : { $: 'number', value: String(value) };
}

function encodeObject(value: object, path: string, walk: Walk): Encoded {
  if (walk.ancestors.has(value)) throw cannotSave('a cycle', path);
  walk.ancestors.add(value);
  try {
    if (Array.isArray(value))
      return Array.from(value, (item: unknown, at) => encode(item, `${path}[${at}]`, walk));
    if (value instanceof Date) return { $: 'date', value: encodeNumber(value.getTime()) };
    if (value instanceof Map) {
      const pairs = [...value].map(([key, item], at) => [
        encode(key, `${path} (key ${at})`, walk),
        encode(item, `${path} (entry ${at})`, walk),
      ]);
      return { $: 'map', value: pairs };
    }
    if (value instanceof Set)
      return { $: 'set', value: [...value].map((item, at) => encode(item, `${path} (item ${at})`, walk)) };
    if (isTypedArray(value)) {
      if (walk.options.typedArray === undefined) throw cannotSave(`a ${value.constructor.name}`, path);
      return { $: 'typed-array', value: walk.options.typedArray(value, path) };
    }
    return encodeRecord(value, path, walk);
  } finally {
    walk.ancestors.delete(value);
  }
}

function encodeRecord(value: object, path: string, walk: Walk): Encoded {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null)
    throw cannotSave(`a ${value.constructor.name}`, path);
  const entries = Object.entries(value).map(([key, item]): [string, Encoded] => [
    key,
    encode(item, `${path}.${key}`, walk),
  ]);
  return Object.hasOwn(value, '$') ? { $: 'object', value: entries } : Object.fromEntries(entries);
}

function decodeTagged(
  tag: string,
  value: Encoded,
  typedArray?: (name: string) => TypedArray,
): Plain | TypedArray {
  const items = (): Plain[] => (isList(value) ? value : []).map((item) => decoded(item, typedArray));
  const pairs = (): Array<[Plain, Plain]> =>
    (isList(value) ? value : []).map((pair) => {
      const [key = null, item = null] = isList(pair) ? pair : [];
      return [decoded(key, typedArray), decoded(item, typedArray)];
    });
  switch (tag) {
    case 'undefined':
      return undefined;
    case 'number':
      return Number(value);
    case 'bigint':
      return BigInt(textOf(value));
    case 'date':
      return new Date(Number(decoded(value, typedArray)));
    case 'map':
      return new Map(pairs());
    case 'set':
      return new Set(items());
    case 'object':
      return Object.fromEntries(pairs().map(([key, item]) => [typeof key === 'string' ? key : '', item]));
    case 'typed-array':
      if (typedArray !== undefined) return typedArray(textOf(value));
      break;
  }
  throw new UserProgramError(`the checkpoint holds a value of a kind that is not known here: ${tag}.`);
}

function textOf(value: Encoded): string {
  return typeof value === 'string' ? value : '';
}

function isList(value: Encoded): value is readonly Encoded[] {
  return Array.isArray(value);
}

/** Any view of a buffer but a DataView. */
export function isTypedArray(value: unknown): value is TypedArray {
  return ArrayBuffer.isView(value) && !(value instanceof DataView);
}

function cannotSave(what: string, path: string): UserProgramError {
  return new UserProgramError(`${path} holds ${what}, which cannot be saved.`, {
    hint: 'Keep it outside, or give the object `save()` and `load()`.',
  });
}
