import { z } from 'zod';

/**
 * What a trainer notes of its steps where it is asked to: one JSON document a line, one file a process. Two runs of a
 * program are compared by it, and the examples that a job has seen are counted by it.
 */

/** SHA-256 of each part of the state, by its name for people: `model/dense/kernel`, `counter.seen`. */
const digestsSchema = z.record(z.string(), z.string());

/**
 * Numbers with all their bits, NaN and infinities included, which JSON cannot hold: 16 hexadecimal digits of the float64,
 * big-endian.
 */
const bitsSchema = z.record(z.string(), z.string());

export const stepRecordSchema = z.discriminatedUnion('kind', [
  /** Training begins here: at step 0, or where a checkpoint was taken. */
  z.object({
    kind: z.literal('began'),
    step: z.int().nonnegative(),
    resumed: z.boolean(),
    state: digestsSchema,
    /** What the run will do unless it stops by itself. Absent in records of other trainers. */
    plan: z
      .object({
        /** Steps in all. */
        steps: z.int().positive(),
        /** Null for a program without `data`. */
        stepsPerEpoch: z.int().positive().nullable(),
        /** Steps between two evaluations; at the end there is always one. Null where that is the only one. */
        evaluateEverySteps: z.int().positive().nullable(),
        evaluates: z.boolean(),
      })
      .optional(),
  }),
  /** A step is complete. */
  z.object({
    kind: z.literal('step'),
    /** Completed steps, this one included. */
    step: z.int().positive(),
    /** Of the batch; the epoch counts from 0. */
    epoch: z.int().nonnegative(),
    /** Indices of the examples of the batch; null for a program without `data`. */
    examples: z.array(z.int().nonnegative()).nullable(),
    metrics: bitsSchema,
    /** After the step, where it was asked for. */
    state: digestsSchema.optional(),
  }),
  z.object({ kind: z.literal('evaluation'), step: z.int().nonnegative(), metrics: bitsSchema }),
]);

export type StepRecord = z.infer<typeof stepRecordSchema>;
/** What the beginning of a record says of the run. */
export type RunCourse = NonNullable<Extract<StepRecord, { kind: 'began' }>['plan']>;
