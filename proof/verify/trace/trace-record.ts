import { z } from 'zod';

/** What a traced process notes: one JSON document a line, one file a process. */

/** When the program asked: while its file was imported, in one of its functions, or elsewhere (`save`, `load`, timers). */
export const phases = ['importing', 'setup', 'load', 'step', 'evaluate', 'between'] as const;

/** A place in the bundled program; lines and columns count from 1. */
const placeSchema = z.object({ line: z.int(), column: z.int() });

/** A value that the program's functions see. */
const seenSchema = z.object({
  /** SHA-256 of all of it, in its order. */
  digest: z.string(),
  /** The same with the order of maps, sets, lists and keys left out; only where that is another. */
  contents: z.string().optional(),
  /** For people, cut short. */
  shown: z.string(),
  /** What it is a part of, where that is no plain variable. */
  part: z.enum(['generator', 'layer', 'optimizer', 'recurrent']).optional(),
});

export const traceRecordSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('process'), number: z.int(), disturbed: z.boolean() }),
  /** `state` of the program, by kind. */
  z.object({ kind: z.literal('state'), kinds: z.record(z.string(), z.string()) }),
  /** The program asked the machine for something that is another each time or elsewhere. Once for each place and phase. */
  z.object({
    kind: z.literal('call'),
    /** `Math.random`, `fs.readdirSync`, `process.env.HOME`. */
    source: z.string(),
    phase: z.enum(phases),
    /** Innermost first. */
    places: z.array(placeSchema),
  }),
  /** The program asked for a file, or wrote one. Once for each file, place and phase. */
  z.object({
    kind: z.literal('file'),
    source: z.string(),
    phase: z.enum(phases),
    places: z.array(placeSchema),
    /** Absolute. */
    path: z.string(),
    isWritten: z.boolean(),
  }),
  /** Between two steps: what the program's functions see outside of `state`. Only what differs from the line before. */
  z.object({
    kind: z.literal('outside'),
    when: z.enum(['set-up', 'began', 'stepped', 'evaluated']),
    step: z.int().nonnegative(),
    resumed: z.boolean(),
    values: z.record(z.string(), seenSchema),
    gone: z.array(z.string()),
  }),
  /** The program could not be looked into, which may make the diagnosis poorer. */
  z.object({ kind: z.literal('blind'), why: z.string() }),
]);

export type TraceRecord = z.infer<typeof traceRecordSchema>;
export type TracePhase = (typeof phases)[number];
export type Seen = z.infer<typeof seenSchema>;
export type Place = z.infer<typeof placeSchema>;
