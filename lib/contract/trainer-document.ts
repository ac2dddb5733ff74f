/** `trainer.json`: everything of a TensorFlow.js job's state that is not a tensor. No times, names of machines or ids: equal state means equal bytes. */
import { z } from 'zod';

const count = z.int().nonnegative();

export const positionSchema = z.object({ step: count, epoch: count, example: count });

/** One entry of the program's `state`. */
export const stateEntrySchema = z.object({
  kind: z.enum(['model', 'layers', 'optimizer', 'variables', 'typed-array', 'stateful', 'plain', 'alias']),
  /** Safetensors file with its tensors; absent where it has none. */
  file: z.string().optional(),
  /** Topology file, for a model. */
  topology: z.string().optional(),
  optimizer: z
    .object({
      class: z.string(),
      iterations: count,
      /** Numbers as `setup` made them, before any step: what the program itself says. */
      initial: z.record(z.string(), z.unknown()),
      /** Numbers at the snapshot. */
      numbers: z.record(z.string(), z.unknown()),
      /** Slot lists: field → names of the slots (variable, slash, kind) in order; empty for a place without one. */
      slots: z.record(z.string(), z.array(z.string())),
      /** Names of the variables that a compiled model trains, in order; absent for an optimizer that stands alone. */
      trains: z.array(z.string()).optional(),
    })
    .optional(),
  /** Tagged JSON of a plain object or of what `save()` returned; typed arrays inside point to tensors of the file. For an alias: the name it repeats. */
  value: z.unknown().optional(),
});

export const trainerDocumentSchema = z.object({
  format: z.literal(1),
  position: positionSchema,
  seed: z.int(),
  /** Tagged JSON of the parameters as the program parsed them. */
  params: z.unknown(),
  /** SHA-256 of each input, where known: data identity. */
  inputs: z.record(z.string(), z.string()).default({}),
  data: z
    .object({
      examples: count,
      batchSize: z.int().positive(),
      shuffle: z.boolean(),
      lastBatch: z.enum(['keep', 'drop']),
    })
    .nullable(),
  evaluation: z.object({
    /** Step of the last finished evaluation; null before the first. */
    step: count.nullable(),
    metrics: z.record(z.string(), z.unknown()),
  }),
  best: z
    .object({ metric: z.string(), value: z.number(), step: count, evaluationsWithout: count })
    .nullable(),
  /** Reason given when training ended early. */
  stopped: z.string().nullable(),
  /** Sums over the running epoch, so that epoch means are exact after a resume. */
  epochMetrics: z.record(z.string(), z.object({ sum: z.unknown(), count })),
  /** States that the program has and these files have not, as the job wishes; absent where there is none. */
  omitted: z.array(z.string()).exactOptional(),
  state: z.record(z.string(), stateEntrySchema),
});

export type Position = z.infer<typeof positionSchema>;
export type StateEntryDocument = z.infer<typeof stateEntrySchema>;
export type TrainerDocument = z.infer<typeof trainerDocumentSchema>;
