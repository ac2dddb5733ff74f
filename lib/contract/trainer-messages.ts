/**
 * Level 1: what a trainer process and its supervisor say to each other, as newline-delimited JSON on file descriptor 3.
 * `docs/trainer-protocol.md` tells how to write a trainer in another language.
 */
import { z } from 'zod';
import { savePolicySchema } from './job-spec.ts';
import { checkpointPathSchema, compatibilitySchema, runtimeSchema, saveReasonSchema } from './manifest.ts';

export const protocolVersion = 1;

const count = z.int().nonnegative();
const metricsSchema = z.record(z.string(), z.number());
const slot = z.int().min(0).max(1);
const position = { step: count, epoch: count, example: count };

export const phaseSchema = z.enum([
  'starting',
  'setup',
  'restoring',
  'first-step',
  'training',
  'evaluating',
  'waiting',
  'done',
]);

export const trainerMessageSchema = z.discriminatedUnion('kind', [
  /** First message. */
  z.object({ kind: z.literal('hello'), protocol: z.int().positive(), runtime: runtimeSchema }),
  /** From now on progress is due at least every `budgetMs`, until the next phase. */
  z.object({ kind: z.literal('phase'), phase: phaseSchema, budgetMs: z.number().positive() }),
  /** At most four a second. `step` counts completed steps; `gapMs` is the longest time between two yields since the last message. */
  z.object({
    kind: z.literal('progress'),
    ...position,
    stepMs: z.number().nonnegative(),
    gapMs: z.number().nonnegative(),
    /** Steps in all, when the program says so. */
    total: count.optional(),
    /** Of the newest step; values that JSON cannot hold (NaN, ±Infinity) are left out. */
    metrics: metricsSchema,
    /** Of an evaluation that has just finished at `step`. */
    evaluation: metricsSchema.optional(),
    /** Means over the epoch that `step` has just completed. */
    epochMeans: metricsSchema.optional(),
  }),
  /** A snapshot is being written to a slot. Answers `checkpoint` where `id` is the supervisor's. */
  z.object({
    kind: z.literal('staging'),
    slot,
    id: z.string().min(1),
    reason: saveReasonSchema,
    ...position,
    compatibility: compatibilitySchema,
    files: z.array(z.object({ path: checkpointPathSchema, bytes: count })),
    best: z.object({ metric: z.string(), value: z.number() }).optional(),
    /** Why it is due, in words. */
    why: z.string().optional(),
    /** States that are not in these files, as the spec wishes. */
    omitted: z.array(z.string()).optional(),
  }),
  /** The first `bytes` of the file are final and may be read. */
  z.object({ kind: z.literal('written'), slot, id: z.string(), path: checkpointPathSchema, bytes: count }),
  z.object({ kind: z.literal('staged'), slot, id: z.string() }),
  z.object({ kind: z.literal('abandoned'), slot, id: z.string(), why: z.string() }),
  /**
   * Answers `checkpoint` when nothing has changed since the snapshot `as`, which is staged or committed already. `as` is
   * `restored` where no step was taken since the restore, `fresh` where none was taken since a start at step 0.
   */
  z.object({ kind: z.literal('unchanged'), id: z.string(), as: z.string() }),
  /** A snapshot is due, and every slot holds an older state. An emergency may take one from a save that has hardly begun. */
  z.object({ kind: z.literal('no-slot') }),
  /** The trainer cannot go on. `cause` decides strike and remedy; `stack` is mapped to the user's source. */
  z.object({
    kind: z.literal('failed'),
    error: z.object({
      cause: z.enum(['user', 'non-finite-loss', 'incompatible', 'infrastructure']),
      message: z.string(),
      stack: z.string().optional(),
      hint: z.string().optional(),
      differences: z.array(z.string()).optional(),
      step: count,
    }),
  }),
  /** Training has ended; the last snapshot `id` in `slot` is the result. The trainer waits for `stop`. */
  z.object({
    kind: z.literal('done'),
    slot,
    id: z.string(),
    reason: z.string(),
    ...position,
    metrics: metricsSchema,
  }),
]);

export const supervisorMessageSchema = z.discriminatedUnion('kind', [
  /** Start at step 0. */
  z.object({ kind: z.literal('fresh') }),
  /** Every file of the checkpoint lies in `dir`, verified. */
  z.object({ kind: z.literal('restore'), dir: z.string(), fork: z.boolean().default(false) }),
  /** Take a snapshot at the next step boundary. `halt`: take no step after it until `stop`. */
  z.object({
    kind: z.literal('checkpoint'),
    id: z.string().min(1),
    reason: saveReasonSchema,
    halt: z.boolean(),
  }),
  /**
   * The slot may be written again: its checkpoint was committed, or, with `committed` false, superseded or given up. The
   * trainer never answers `unchanged` with one that was not committed. `flushMs`: from `staging` to the
   * journal, where it came there.
   */
  z.object({
    kind: z.literal('release'),
    slot,
    committed: z.boolean().default(true),
    flushMs: z.number().nonnegative().optional(),
  }),
  /** Dispose and exit 0. */
  z.object({ kind: z.literal('stop') }),
]);

export type Phase = z.infer<typeof phaseSchema>;
export type TrainerMessage = z.infer<typeof trainerMessageSchema>;
export type SupervisorMessage = z.input<typeof supervisorMessageSchema>;

/** How often machines are lost, and what a save costs besides the time that it takes from training. */
export const interruptionRiskSchema = z.object({
  /** Mean time between two losses, with and without a notice. Seconds. */
  lossEverySeconds: z.number().positive(),
  /** Share of the losses that a notice announces in time, 0 to less than 1. */
  recall: z.number().min(0).lt(1),
  /** Price of one request of the store, as training time that is worth the same. Seconds. */
  requestSeconds: z.number().nonnegative(),
  /** Time from `staging` to the journal of an earlier save of this job, where one is known. Seconds. */
  flushSeconds: z.number().nonnegative().optional(),
});

/** What a trainer process finds in the file that its first argument names. */
export const trainerStartSchema = z.object({
  format: z.literal(1),
  jobId: z.string(),
  /** Bundled program on local disk. */
  program: z.string(),
  params: z.record(z.string(), z.unknown()),
  seed: z.int().optional(),
  backend: z.enum(['tensorflow', 'wasm', 'cpu']).optional(),
  /** Local path of each input. */
  inputs: z.record(z.string(), z.string()),
  /** SHA-256 of each input, where known: data identity. */
  inputDigests: z.record(z.string(), z.string()),
  /** A checkpoint will be restored, not a fresh start: what the program sees as `resuming` in `setup`. */
  resuming: z.boolean().default(false),
  /** Holds `slot-0` and `slot-1`. */
  stagingDir: z.string(),
  save: savePolicySchema,
  /** What the adaptive interval rests on. */
  risk: interruptionRiskSchema.optional(),
  /** Every step is noted in this file (`step-record.ts`), with the state after every so many; 0: at the beginning alone. */
  record: z.object({ path: z.string(), stateEverySteps: count }).optional(),
  /** A course that is laid down beforehand, for runs that are to be compared: `save` means nothing then but for `omit`. */
  course: z
    .object({
      /** The policy saves after these steps and at no others. */
      saveAtSteps: z.array(count),
      /** Training ends after so many steps, unless it ends before. */
      endAtStep: z.int().positive().optional(),
      /** No step is taken beyond this one: the process waits to be killed. What is due is saved all the same. */
      holdAtStep: z.int().positive().optional(),
    })
    .optional(),
});

export type InterruptionRisk = z.infer<typeof interruptionRiskSchema>;
export type TrainerStart = z.input<typeof trainerStartSchema>;
