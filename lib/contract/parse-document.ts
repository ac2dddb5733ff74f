import type { z } from 'zod';
import { CorruptionError, UnknownFormatError } from '../base/errors.ts';
import { parseJson } from '../base/parse-json.ts';
import { shorten } from '../base/shorten.ts';

/** The version of the documents that this Holdfast writes, unless they say otherwise. Readers refuse newer ones by name. */
export const currentFormat = 1;

export interface DocumentOrigin {
  /** What it is, for the message: `manifest`, `journal entry`. */
  readonly what: string;
  /** Where it was read: an object key, a file. */
  readonly at: string;
  /** The newest format of this kind of document that is known. @default 1 */
  readonly newestFormat?: number;
}

/**
 * Reads a versioned JSON document. `format` is looked at first, so that a newer document is named as such and never
 * taken for damage.
 * @throws UnknownFormatError when `format` is newer than ours
 * @throws CorruptionError when the text is not JSON, nests endlessly, or does not fit the schema; names the path and the fault
 */
export function parseDocument<Schema extends z.ZodType>(
  schema: Schema,
  bytes: Uint8Array | string,
  origin: DocumentOrigin,
): z.output<Schema> {
  const text = typeof bytes === 'string' ? bytes : new TextDecoder().decode(bytes);
  const { what, at, newestFormat = currentFormat } = origin;
  let value: unknown;
  try {
    value = parseJson(text);
  } catch (cause) {
    throw new CorruptionError(`${what} is not JSON.`, { facts: { at }, cause });
  }
  const format: unknown =
    typeof value === 'object' && value !== null && 'format' in value ? value.format : undefined;
  if (typeof format === 'number' && format > newestFormat) {
    throw new UnknownFormatError(
      `${what} has format ${format}, which this Holdfast (format ${newestFormat}) does not know.`,
      {
        facts: { at },
        hint: 'Upgrade Holdfast on this machine.',
      },
    );
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const fault = result.error.issues[0];
  const place = shorten(fault?.path.map(String).join('.') ?? '') || 'document';
  throw new CorruptionError(`${what} is not valid: ${place}: ${shorten(fault?.message ?? '')}.`, {
    facts: { at },
  });
}

/** One document as canonical bytes: two-space JSON and a newline at the end, so that people can read what lies in the store. */
export function encodeDocument(value: object): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify(value, null, 2)}\n`);
}
