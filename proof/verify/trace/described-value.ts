import { sha256Hex } from '../../../lib/base/digest.ts';
import type { Seen } from './trace-record.ts';

/** What people are shown of a value. */
const shownMax = 60;
/** Of a larger array, both ends are read: whatever is computed with all of it shows elsewhere, too. */
const bytesMax = 1 << 20;
/** Of a shorter array, its numbers tell more than a digest. */
const numbersMax = 8;
/** A value of a program is smaller; what is not is cut, always at the same place. */
const textMax = 200_000;
const depthMax = 8;

/** Numbers, texts and what is made of them: lists, maps, sets, plain objects, dates and arrays of numbers. */
export function isPlainData(value: unknown, depth = 0): boolean {
  if (typeof value === 'function' || typeof value === 'symbol') return false;
  if (typeof value !== 'object' || value === null) return true;
  if (depth > depthMax) return false;
  if (ArrayBuffer.isView(value) || value instanceof Date) return true;
  const within = (items: Iterable<unknown>): boolean =>
    [...items].every((item) => isPlainData(item, depth + 1));
  if (Array.isArray(value)) return within(value);
  if (value instanceof Map) return within(value.keys()) && within(value.values());
  if (value instanceof Set) return within(value);
  return isPlainObject(value) && within(Object.values(value));
}

export function isPlainObject(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** A value as it can be compared with that of another process. */
export function describedData(value: unknown): Seen {
  const ordered = textOf(value, false);
  const contents = textOf(value, true);
  const digest = digestOf(ordered);
  return {
    digest,
    ...(contents !== ordered && { contents: digestOf(contents) }),
    shown: shortened(ordered),
  };
}

/** For what is no data, in words: an optimizer, a model. */
export function describedInWords(words: string): Seen {
  return { digest: digestOf(words), shown: shortened(words) };
}

function digestOf(text: string): string {
  return sha256Hex(Buffer.from(text.slice(0, textMax)));
}

function shortened(text: string): string {
  return text.length <= shownMax ? text : `${text.slice(0, shownMax - 1)}…`;
}

/** Like source text. With `isSorted`, values that differ in their order alone have the same. */
function textOf(value: unknown, isSorted: boolean): string {
  const of = (item: unknown): string => textOf(item, isSorted);
  const inOrder = (items: string[]): string => (isSorted ? items.toSorted() : items).join(', ');
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value !== 'object' || value === null) return Object.is(value, -0) ? '-0' : String(value);
  if (value instanceof Date) return `Date ${value.getTime()}`;
  if (ArrayBuffer.isView(value)) return arrayText(value);
  if (Array.isArray(value)) return `[${inOrder(value.map(of))}]`;
  if (value instanceof Set) return `Set {${inOrder(Array.from(value, of))}}`;
  if (value instanceof Map)
    return `Map {${inOrder(Array.from(value, ([key, item]) => `${of(key)}: ${of(item)}`))}}`;
  return `{${inOrder(Object.entries(value).map(([key, item]) => `${key}: ${of(item)}`))}}`;
}

function arrayText(array: ArrayBufferView): string {
  const bytes = Buffer.from(array.buffer, array.byteOffset, array.byteLength);
  const read =
    bytes.length <= bytesMax
      ? bytes
      : Buffer.concat([bytes.subarray(0, bytesMax / 2), bytes.subarray(bytes.length - bytesMax / 2)]);
  const kind: unknown = Reflect.get(array.constructor, 'name');
  const numbers: unknown = Reflect.get(array, 'length');
  if (typeof numbers === 'number' && numbers <= numbersMax)
    return `${String(kind)} [${Array.from({ length: numbers }, (_, at) => textOf(Reflect.get(array, at), false)).join(', ')}]`;
  return `${String(kind)} of ${bytes.length} bytes ${sha256Hex(read).slice(0, 12)}`;
}
