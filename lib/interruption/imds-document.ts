import type { z } from 'zod';
import { messageOf, TransientError } from '../base/errors.ts';
import { parseJson } from '../base/parse-json.ts';
import { shorten } from '../base/shorten.ts';
import type { ImdsAnswer } from './imds-client.ts';

/**
 * Reads the JSON body of an answer. What cannot be read is not "no notice": it is reported, and read again.
 * @throws TransientError when the body is not JSON or does not fit the schema
 */
export function parseImdsDocument<Schema extends z.ZodType>(
  schema: Schema,
  answer: ImdsAnswer,
  path: string,
): z.output<Schema> {
  try {
    return schema.parse(parseJson(answer.body));
  } catch (error) {
    throw new TransientError(
      `IMDS answered with a document that cannot be read: ${shorten(messageOf(error))}.`,
      {
        facts: { path },
        cause: error,
      },
    );
  }
}
