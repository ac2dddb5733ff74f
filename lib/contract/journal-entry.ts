import { z } from 'zod';
import { saveReasonSchema, sha256Schema } from './manifest.ts';
import { parseDocument } from './parse-document.ts';

/** 2 for what came later, forks among it, else 1: a Holdfast that does not know it says so, and takes nothing for damage. */
export const newestEntryFormat = 2;

/** Facts common to all entries. `at` is for people and for the ledger; safety never rests on it. */
const envelope = {
  format: z.union([z.literal(1), z.literal(newestEntryFormat)]),
  sequence: z.int().positive(),
  /** Tells our own entry from another's after a lost answer. */
  nonce: z.string().min(8),
  at: z.iso.datetime(),
  /** Fencing token of the owner that wrote the entry; null for submitters and operators. A `claimed` entry carries its own sequence. */
  claim: z.int().positive().nullable(),
};

const checkpointId = z.string().regex(/^\d{1,15}-\d{1,15}-step\d{1,15}$/);
const step = z.int().nonnegative();
export const documentRef = z.object({ key: z.string().min(1), sha256: sha256Schema });

export const instanceSchema = z.object({ id: z.string(), type: z.string(), zone: z.string() });

export const releaseCauseSchema = z.enum(['interrupted', 'error', 'infrastructure', 'hung', 'handover']);

/** The facts of each kind, apart from the envelope. */
export const entryFacts = {
  submitted: z.object({
    kind: z.literal('submitted'),
    spec: documentRef,
    name: z.string(),
    store: z.string(),
    /** The checkpoint of another job that this one begins with, for lineage alone: nothing of that job is needed any more. */
    forkedFrom: z.object({ jobId: z.string(), checkpoint: checkpointId, step }).exactOptional(),
  }),
  /** `heardStep`: where an attempt that ended without a word was by its last heartbeat; what it did since it cannot tell. */
  claimed: z.object({
    kind: z.literal('claimed'),
    ticket: z.string(),
    instance: instanceSchema,
    heardStep: step.optional(),
  }),
  /** `checkpoint` null: a fresh start. `passedOver`: newer checkpoints that were not used, and why. */
  restored: z.object({
    kind: z.literal('restored'),
    checkpoint: checkpointId.nullable(),
    step,
    bytes: z.int().nonnegative(),
    elapsedMs: z.number().nonnegative(),
    passedOver: z.array(z.object({ checkpoint: checkpointId, why: z.string() })).default([]),
  }),
  checkpoint: z.object({
    kind: z.literal('checkpoint'),
    id: checkpointId,
    ordinal: z.int().positive(),
    manifest: documentRef,
    step,
    epoch: z.int().nonnegative(),
    example: z.int().nonnegative(),
    reason: saveReasonSchema,
    bytes: z.int().nonnegative(),
    newBytes: z.int().nonnegative(),
    elapsedMs: z.number().nonnegative(),
    /** Why it was due, in words; the trainer's policy tells it. */
    why: z.string().exactOptional(),
    noticeToDurableMs: z.number().nonnegative().optional(),
    /** Value of the program's `best` metric when it was just evaluated as the best so far. */
    best: z.object({ metric: z.string(), value: z.number() }).optional(),
    /** What the keep policy drops with this commit. */
    drops: z.array(checkpointId).default([]),
  }),
  /** The end of an attempt. `step` is the last step that the trainer reported, `message` is for people (a mapped stack for `error`). */
  released: z.object({
    kind: z.literal('released'),
    cause: releaseCauseSchema,
    step,
    instance: instanceSchema.optional(),
    message: z.string(),
    notice: z.string().optional(),
  }),
  completed: z.object({
    kind: z.literal('completed'),
    checkpoint: checkpointId,
    step,
    epoch: z.int().nonnegative(),
    reason: z.string(),
    metrics: z.record(z.string(), z.number()).default({}),
  }),
  failed: z.object({ kind: z.literal('failed'), reason: z.string(), message: z.string(), step }),
  'pause-requested': z.object({ kind: z.literal('pause-requested'), by: z.string() }),
  'resume-requested': z.object({
    kind: z.literal('resume-requested'),
    by: z.string(),
    /** A revised spec: a fixed program, other parameters. */
    spec: documentRef.optional(),
    /** Roll back to this checkpoint instead of the newest. */
    from: checkpointId.optional(),
  }),
  'cancel-requested': z.object({ kind: z.literal('cancel-requested'), by: z.string() }),
  paused: z.object({ kind: z.literal('paused'), step }),
  cancelled: z.object({ kind: z.literal('cancelled'), step }),
  pinned: z.object({ kind: z.literal('pinned'), checkpoint: checkpointId, by: z.string() }),
  unpinned: z.object({ kind: z.literal('unpinned'), checkpoint: checkpointId, by: z.string() }),
  'prune-requested': z.object({
    kind: z.literal('prune-requested'),
    checkpoints: z.array(checkpointId),
    by: z.string(),
  }),
  pruned: z.object({ kind: z.literal('pruned'), checkpoints: z.array(checkpointId) }),
  quarantined: z.object({
    kind: z.literal('quarantined'),
    checkpoint: checkpointId,
    chunks: z.array(z.string()),
    why: z.string(),
  }),
  /** It was verified again and is whole. */
  'quarantine-lifted': z.object({
    kind: z.literal('quarantine-lifted'),
    checkpoint: checkpointId,
    by: z.string(),
  }),
  forked: z.object({ kind: z.literal('forked'), checkpoint: checkpointId, child: z.string() }),
  ticketed: z.object({ kind: z.literal('ticketed'), by: z.string() }),
} as const;

const withEnvelope = <Shape extends z.ZodRawShape>(facts: z.ZodObject<Shape>) => facts.extend(envelope);

export const journalEntrySchema = z.discriminatedUnion('kind', [
  withEnvelope(entryFacts.submitted),
  withEnvelope(entryFacts.claimed),
  withEnvelope(entryFacts.restored),
  withEnvelope(entryFacts.checkpoint),
  withEnvelope(entryFacts.released),
  withEnvelope(entryFacts.completed),
  withEnvelope(entryFacts.failed),
  withEnvelope(entryFacts['pause-requested']),
  withEnvelope(entryFacts['resume-requested']),
  withEnvelope(entryFacts['cancel-requested']),
  withEnvelope(entryFacts.paused),
  withEnvelope(entryFacts.cancelled),
  withEnvelope(entryFacts.pinned),
  withEnvelope(entryFacts.unpinned),
  withEnvelope(entryFacts['prune-requested']),
  withEnvelope(entryFacts.pruned),
  withEnvelope(entryFacts.quarantined),
  withEnvelope(entryFacts['quarantine-lifted']),
  withEnvelope(entryFacts.forked),
  withEnvelope(entryFacts.ticketed),
]);

export type EntryKind = keyof typeof entryFacts;
export type JournalEntry = z.infer<typeof journalEntrySchema>;
export type EntryOf<Kind extends EntryKind> = Extract<JournalEntry, { kind: Kind }>;
/** The facts of an entry before the journal gives it its envelope. */
export type EntryFacts = { [Kind in EntryKind]: z.input<(typeof entryFacts)[Kind]> }[EntryKind];
export type Instance = z.infer<typeof instanceSchema>;
export type ReleaseCause = z.infer<typeof releaseCauseSchema>;
export type DocumentRef = z.infer<typeof documentRef>;

/** The oldest format whose readers know what these facts mean. */
export function entryFormatOf(facts: EntryFacts): JournalEntry['format'] {
  const isNewer =
    facts.kind === 'quarantine-lifted' ||
    // Who does not know of forks would begin such a job afresh.
    (facts.kind === 'submitted' && facts.forkedFrom !== undefined) ||
    (facts.kind === 'checkpoint' && facts.reason === 'fork');
  return isNewer ? newestEntryFormat : 1;
}

/** @throws UnknownFormatError, CorruptionError as `parseDocument` */
export function parseEntry(bytes: Uint8Array, key: string): JournalEntry {
  return parseDocument(journalEntrySchema, bytes, {
    what: 'journal entry',
    at: key,
    newestFormat: newestEntryFormat,
  });
}
