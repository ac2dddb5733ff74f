/**
 * What outlives the instance: output and progress of one attempt, as newline-delimited JSON in
 * `logs/<claim>/<n>.ndjson` and `metrics/<claim>/<n>.ndjson`. The supervisor writes them, everything that shows a job reads them.
 */
import { z } from 'zod';
import { CorruptionError } from '../base/errors.ts';
import { parseJson } from '../base/parse-json.ts';
import { shorten } from '../base/shorten.ts';

/** One line of output. `worker` lines are the supervisor's own words. */
export const logLineSchema = z.object({
  at: z.iso.datetime(),
  stream: z.enum(['out', 'err', 'worker']),
  line: z.string(),
  /** The last step that the trainer had reported when the line came; tells which lines a later resume took back. */
  step: z.int().nonnegative().optional(),
});

/** One report of progress. `evaluation` is there when an evaluation has just ended. */
export const metricPointSchema = z.object({
  at: z.iso.datetime(),
  step: z.int().nonnegative(),
  epoch: z.int().nonnegative(),
  metrics: z.record(z.string(), z.number()),
  evaluation: z.record(z.string(), z.number()).optional(),
});

export type LogLine = z.infer<typeof logLineSchema>;
export type MetricPoint = z.infer<typeof metricPointSchema>;

/** One segment as bytes. */
export function encodeSegment(lines: readonly (LogLine | MetricPoint)[]): Uint8Array {
  return new TextEncoder().encode(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
}

/**
 * Reads one segment. Empty lines are skipped.
 * @throws CorruptionError naming the object and the line
 */
export function parseSegment<Line>(schema: z.ZodType<Line>, bytes: Uint8Array, at: string): Line[] {
  const parsed: Line[] = [];
  for (const [index, text] of new TextDecoder().decode(bytes).split('\n').entries()) {
    if (text !== '') parsed.push(parseLine(schema, text, { at, line: index + 1 }));
  }
  return parsed;
}

function parseLine<Line>(
  schema: z.ZodType<Line>,
  text: string,
  origin: { readonly at: string; readonly line: number },
): Line {
  let value: unknown;
  try {
    value = parseJson(text);
  } catch (cause) {
    throw new CorruptionError('a line of a segment is not JSON.', { facts: origin, cause });
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const fault = result.error.issues[0];
  throw new CorruptionError(
    `a line of a segment is not valid: ${shorten(fault?.path.join('.') ?? '') || 'line'}: ${shorten(fault?.message ?? '')}.`,
    { facts: origin },
  );
}
