/**
 * Values of a program in JSON, exactly: what JSON drops or bends (undefined, NaN, the infinities, −0, bigint, Map, Set,
 * Date) is written as `{ "$": tag, "v": … }`. The order of keys is kept, since a program can see it.
 */
import { CorruptionError, UserProgramError } from '../base/errors.ts';
import { shorten } from '../base/shorten.ts';
import type { TypedArray } from './define-training.ts';

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
  /** Stores a typed array elsewhere and says under which name; `path` is where it stood, `ring/before`. Without it typed arrays are refused. */
  readonly typedArray?: (array: TypedArray, path: string) => string;
}

/** Nesting beyond this is a runaway structure, not state; it also keeps the recursion off the end of the stack. */
const depthMax = 200;

/** @throws UserProgramError naming the path of what cannot be saved: functions, symbols, class instances, cycles */
export function encodePlain(value: unknown, options: EncodeOptions): Encoded {
  return encode(value, { options, path: [], ancestors: [] });
}

/**
 * The inverse of {@link encodePlain}; `typedArray` finds what was stored elsewhere.
 * @throws CorruptionError when `encoded` is not what `encodePlain` writes
 */
export function decodePlain(encoded: unknown, typedArray?: (name: string) => TypedArray): unknown {
  if (typeof encoded !== 'object' || encoded === null) return encoded;
  if (Array.isArray(encoded)) return encoded.map((item) => decodePlain(item, typedArray));
  if ('$' in encoded) return decodeTagged(encoded.$, 'v' in encoded ? encoded.v : undefined, typedArray);
  return objectOf(Object.entries(encoded).map(([key, item]) => [key, decodePlain(item, typedArray)]));
}

/** One of the kinds that `TypedArray` names, exactly: a Buffer would come back as something else. */
export function isTypedArray(value: unknown): value is TypedArray {
  return ArrayBuffer.isView(value) && typedArrayTypes.includes(Object.getPrototypeOf(value)?.constructor);
}

const typedArrayTypes: readonly unknown[] = [
  Float32Array,
  Float64Array,
  Int8Array,
  Uint8Array,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
];

interface Place {
  readonly options: EncodeOptions;
  readonly path: readonly (string | number)[];
  readonly ancestors: readonly object[];
}

function encode(value: unknown, place: Place): Encoded {
  switch (typeof value) {
    case 'undefined':
      return { $: 'undefined' };
    case 'bigint':
      return { $: 'bigint', v: String(value) };
    case 'number':
      return Number.isFinite(value) && !Object.is(value, -0)
        ? value
        : { $: 'number', v: Object.is(value, -0) ? '-0' : String(value) };
    case 'boolean':
    case 'string':
      return value;
    case 'object':
      return value === null ? null : encodeObject(value, place);
    case 'function':
    case 'symbol':
      return refuse(`a ${typeof value}`, place);
  }
  return refuse(`a ${typeof value}`, place);
}

function encodeObject(value: object, place: Place): Encoded {
  if (place.ancestors.includes(value)) return refuse('a value that contains itself', place);
  if (place.ancestors.length >= depthMax) return refuse(`more than ${depthMax} levels of nesting`, place);
  const inside = (item: unknown, key: string | number): Encoded =>
    encode(item, { ...place, path: [...place.path, key], ancestors: [...place.ancestors, value] });
  if (Array.isArray(value)) return Array.from(value, (item: unknown, index) => inside(item, index));
  if (isTypedArray(value)) {
    if (place.options.typedArray === undefined) return refuse('a typed array', place);
    return { $: 'tensor', v: place.options.typedArray(value, place.path.join('/')) };
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === Map.prototype && value instanceof Map) {
    const pairs = Array.from(value, ([key, item], index) => [
      inside(key, `key ${index}`),
      inside(item, typeof key === 'string' ? key : index),
    ]);
    return { $: 'Map', v: pairs };
  }
  if (prototype === Set.prototype && value instanceof Set) {
    return { $: 'Set', v: Array.from(value, (item: unknown, index) => inside(item, index)) };
  }
  if (prototype === Date.prototype && value instanceof Date) {
    return { $: 'Date', v: inside(value.getTime(), 'time') };
  }
  if (prototype !== Object.prototype && prototype !== null) return refuse(nameOfInstance(value), place);
  return encodePlainObject(value, place, inside);
}

function encodePlainObject(
  value: object,
  place: Place,
  inside: (item: unknown, key: string) => Encoded,
): Encoded {
  const keys = Reflect.ownKeys(value);
  const entries = keys.map((key): [string, Encoded] => {
    if (typeof key === 'symbol') return refuse('a property named by a symbol', place);
    const property = Object.getOwnPropertyDescriptor(value, key);
    if (property === undefined || !('value' in property))
      return refuse('a property with a getter', { ...place, path: [...place.path, key] });
    return [key, inside(property.value, key)];
  });
  // An object of the program's own that has a key `$` must not be read as a tag.
  return Object.hasOwn(value, '$') ? { $: 'object', v: entries } : objectOf(entries);
}

function decodeTagged(tag: unknown, v: unknown, typedArray?: (name: string) => TypedArray): unknown {
  const list = (): readonly unknown[] => (Array.isArray(v) ? v : unreadable(tag));
  switch (tag) {
    case 'undefined':
      return undefined;
    case 'bigint':
      return typeof v === 'string' && /^-?\d+$/.test(v) ? BigInt(v) : unreadable(tag);
    case 'number':
      return typeof v === 'string' && ['NaN', 'Infinity', '-Infinity', '-0'].includes(v)
        ? Number(v)
        : unreadable(tag);
    case 'Map':
      return new Map(list().map((pair) => decodePair(pair, typedArray)));
    case 'Set':
      return new Set(list().map((item) => decodePlain(item, typedArray)));
    case 'Date':
      return dateOf(decodePlain(v));
    case 'object':
      return objectOf(
        list().map((pair) => {
          const [key, item] = decodePair(pair, typedArray);
          return [typeof key === 'string' ? key : unreadable(tag), item];
        }),
      );
    case 'tensor':
      return typeof v === 'string' && typedArray !== undefined ? typedArray(v) : unreadable(tag);
    default:
      return unreadable(tag);
  }
}

/** An invalid date has NaN for its time. */
function dateOf(time: unknown): Date {
  return new Date(typeof time === 'number' ? time : unreadable('Date'));
}

function decodePair(pair: unknown, typedArray?: (name: string) => TypedArray): [unknown, unknown] {
  if (!Array.isArray(pair) || pair.length !== 2) return unreadable('pair');
  return [decodePlain(pair[0], typedArray), decodePlain(pair[1], typedArray)];
}

/** Like Object.fromEntries, and `__proto__` becomes an ordinary key: never a prototype. */
function objectOf<Value>(entries: readonly (readonly [string, Value])[]): { readonly [name: string]: Value } {
  const object: Record<string, Value> = {};
  for (const [key, value] of entries) {
    Object.defineProperty(object, key, { value, enumerable: true, writable: true, configurable: true });
  }
  return object;
}

function refuse(found: string, { options, path }: Place): never {
  throw new UserProgramError(`${[options.at, ...path].join('.')} holds ${found}, which cannot be saved.`, {
    hint: 'Keep plain values there, or give the object save() and load() methods.',
  });
}

function nameOfInstance(value: object): string {
  const name: unknown = value.constructor?.name;
  if (name === 'Promise') return 'a Promise (save must be synchronous)';
  return typeof name === 'string' && name !== '' ? `an instance of ${name}` : 'an instance of a class';
}

function unreadable(tag: unknown): never {
  throw new CorruptionError(
    `a saved value cannot be read: tag ${shorten(JSON.stringify(tag) ?? typeof tag, 40)} is unknown or malformed.`,
  );
}
