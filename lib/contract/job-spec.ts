import { z } from 'zod';
import { jobIdPattern } from './object-keys.ts';

const sha256Schema = z.string().regex(/^[0-9a-f]{64}$/);
const nameSchema = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/);
/** A name in the `state` of a program. */
const stateNameSchema = z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$/);

/** Where one input lies. `digest` and `bytes` are known for inputs that were uploaded by `submit`. */
export const inputSchema = z.object({
  uri: z.string().min(1),
  digest: sha256Schema.optional(),
  bytes: z.int().nonnegative().optional(),
});

/**
 * When to save besides at a notice, a rebalance recommendation, before an evaluation, and the end: whichever comes first;
 * with nothing set, at an interval that adapts. `omit` names states that are left out of every checkpoint: what `setup`
 * makes of them is what a resume begins with.
 */
export const savePolicySchema = z.object({
  everySteps: z.int().positive().optional(),
  everySeconds: z.number().positive().optional(),
  everyEpochs: z.int().positive().optional(),
  omit: z.array(stateNameSchema).optional(),
});

/**
 * Which checkpoints stay: the last `last`, every `everySteps`-th step, the best by metric, those younger than `forHours`;
 * the newest good one and pinned ones always.
 */
export const keepPolicySchema = z.object({
  last: z.int().positive().default(3),
  everySteps: z.int().positive().optional(),
  forHours: z.number().positive().optional(),
  best: z.boolean().default(true),
});

/** A bundled TypeScript program run by the TensorFlow.js host. */
export const trainingProgramSchema = z.object({
  kind: z.literal('training'),
  sha256: sha256Schema,
  /** As typed at submit, for people. */
  source: z.string(),
  /** `--set` values; the program's defaults fill the rest. */
  params: z.record(z.string(), z.unknown()).default({}),
  seed: z.int().optional(),
  backend: z.enum(['tensorflow', 'wasm', 'cpu']).optional(),
});

function isRegularExpression(pattern: string): boolean {
  try {
    return new RegExp(pattern) instanceof RegExp;
  } catch {
    return false;
  }
}

/** Any other program. Its checkpoints are files that it writes itself. */
export const commandProgramSchema = z.object({
  kind: z.literal('command'),
  command: z.array(z.string()).min(1),
  env: z.record(z.string(), z.string()).default({}),
  checkpoints: z.object({
    /** Glob below the checkpoints folder, one path segment: `checkpoint-*`, `*.ckpt`. */
    match: z
      .string()
      .min(1)
      .refine((glob) => !glob.includes('/'), 'is one path segment'),
    /** Regular expression whose first group is the step in the name. @default the last number in the name */
    step: z.string().max(200).refine(isRegularExpression, 'is no regular expression').optional(),
    /** How a checkpoint shows that it is complete. */
    complete: z.discriminatedUnion('by', [
      /** Written under another name, then renamed to one that matches. */
      z.object({ by: z.literal('rename') }),
      /** Complete once this file is inside, and nothing in it has changed for `unchangedMs`. */
      z.object({
        by: z.literal('marker'),
        file: z.string().min(1),
        unchangedMs: z.int().nonnegative().default(2_000),
      }),
    ]),
  }),
  /** Signal that asks for a checkpoint at a notice. None unless declared: an unmodified program may die of it. */
  onNotice: z.object({ signal: z.enum(['SIGTERM', 'SIGUSR1', 'SIGUSR2', 'SIGINT']) }).optional(),
  /** Signal that asks for a checkpoint while training goes on. */
  onSave: z.object({ signal: z.enum(['SIGUSR1', 'SIGUSR2']) }).optional(),
});

export const jobSpecSchema = z.object({
  format: z.literal(1),
  jobId: z.string().regex(jobIdPattern),
  name: z.string().min(1).max(120),
  createdAt: z.iso.datetime(),
  owner: z.string().max(128).optional(),
  program: z.discriminatedUnion('kind', [trainingProgramSchema, commandProgramSchema]),
  inputs: z.record(nameSchema, inputSchema).default({}),
  save: savePolicySchema.default({}),
  keep: keepPolicySchema.default({ last: 3, best: true }),
});

export type JobInput = z.infer<typeof inputSchema>;
export type SavePolicySpec = z.infer<typeof savePolicySchema>;
export type KeepPolicySpec = z.infer<typeof keepPolicySchema>;
export type CommandProgram = z.infer<typeof commandProgramSchema>;
export type JobSpec = z.infer<typeof jobSpecSchema>;
