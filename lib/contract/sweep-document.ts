import { z } from 'zod';
import { keepPolicySchema } from './job-spec.ts';

/** What a parameter may be set to: as `--set` takes it. */
const valueSchema = z.union([z.number(), z.string(), z.boolean()]);
const parameterSchema = z.string().regex(/^[A-Za-z_$][\w$]*(?:\.[\w$]+)*$/, 'is not the name of a parameter');
const valuesSchema = z.array(valueSchema).min(1);
const span = z
  .tuple([z.number(), z.number()])
  .refine(([low, high]) => low < high, 'goes from a smaller to a larger number');

/** How a parameter is drawn: evenly, evenly in its logarithm, or one of several values. */
export const drawSchema = z.union([
  z.strictObject({ uniform: span }),
  z.strictObject({ log: span.refine(([low]) => low > 0, 'begins above 0') }),
  z.strictObject({ choice: valuesSchema }),
]);

const { last, everySteps, forHours, best } = keepPolicySchema.shape;
const keepSchema = z.strictObject({
  last: last.unwrap().exactOptional(),
  everySteps: everySteps.unwrap().exactOptional(),
  forHours: forHours.unwrap().exactOptional(),
  best: best.unwrap().exactOptional(),
});

/** A file of `holdfast sweep`. Unknown members are refused: what is misspelled would silently mean nothing. */
export const sweepSchema = z
  .strictObject({
    format: z.literal(1),
    /** What the names of its jobs begin with. @default the name of the file */
    name: z.string().min(1).max(60).optional(),
    /** `JOB@CHECKPOINT`: every point is a fork of it. */
    from: z.string().min(1).optional(),
    /** A program, relative to the file: every point begins afresh. */
    program: z.string().min(1).optional(),
    /** Of all points. */
    seed: z.int().optional(),
    /** Values that all points share. */
    set: z.record(parameterSchema, valueSchema).default({}),
    /** Every combination of these is a point. */
    grid: z.record(parameterSchema, valuesSchema).optional(),
    /** So many draws, each tried at every point of the grid where there is one. */
    random: z
      .strictObject({
        count: z.int().positive(),
        seed: z.int().default(1),
        params: z.record(parameterSchema, drawSchema),
      })
      .optional(),
    /** Keep policy of all points. */
    keep: keepSchema.optional(),
    /** By what points are compared. @default the last loss, the lowest first */
    rank: z.strictObject({ metric: z.string().min(1), goal: z.enum(['min', 'max']) }).optional(),
  })
  .check(({ value, issues }) => {
    const refuse = (message: string, path: readonly string[]): void => {
      issues.push({ code: 'custom', message, path: [...path], input: value });
    };
    const { from, program, grid = {}, random, set } = value;
    if ((from === undefined) === (program === undefined)) refuse('needs either from or program', []);
    if (value.grid === undefined && random === undefined) refuse('needs grid, random or both', []);
    const drawn = Object.keys(random?.params ?? {});
    for (const name of drawn)
      if (Object.hasOwn(grid, name)) refuse('is in grid, too', ['random', 'params', name]);
    for (const name of [...Object.keys(grid), ...drawn])
      if (Object.hasOwn(set, name)) refuse('is given for all points by set, too', [name]);
  });

export type SweepDocument = z.infer<typeof sweepSchema>;
export type SweepDraw = z.infer<typeof drawSchema>;
export type SweepValue = z.infer<typeof valueSchema>;
