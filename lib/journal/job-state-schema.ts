import { z } from 'zod';
import { documentRef, instanceSchema, releaseCauseSchema } from '../contract/journal-entry.ts';
import { saveReasonSchema } from '../contract/manifest.ts';
import type { JobState } from './job-state.ts';

const count = z.int().nonnegative();

const checkpointRecordSchema = z.object({
  id: z.string(),
  claim: count,
  ordinal: count,
  sequence: count,
  manifest: documentRef,
  step: count,
  epoch: count,
  example: count,
  reason: saveReasonSchema,
  why: z.string().exactOptional(),
  bytes: count,
  newBytes: count,
  elapsedMs: z.number().nonnegative(),
  at: z.string(),
  best: z.object({ metric: z.string(), value: z.number() }).exactOptional(),
  pinned: z.boolean(),
  quarantined: z.string().exactOptional(),
  setAside: z.boolean().exactOptional(),
});

const openClaimSchema = z.object({
  token: count,
  ticket: z.string(),
  instance: instanceSchema,
  at: z.string(),
  restored: z.object({ checkpoint: z.string().nullable(), step: count }).exactOptional(),
  step: count.exactOptional(),
  ordinal: count.exactOptional(),
});

const endSchema = z.object({
  kind: z.enum(['completed', 'failed', 'cancelled']),
  reason: z.string(),
  message: z.string(),
  step: count,
  at: z.string(),
  metrics: z.record(z.string(), z.number()),
});

/** The state as a hint keeps it. A hint that does not fit is no hint. */
export const jobStateSchema = z.object({
  jobId: z.string(),
  sequence: count,
  status: z.enum(['queued', 'running', 'interrupted', 'paused', 'completed', 'failed', 'cancelled']),
  name: z.string(),
  store: z.string(),
  spec: documentRef.nullable(),
  submittedAt: z.string().nullable(),
  forkedFrom: z.object({ jobId: z.string(), checkpoint: z.string(), step: count }).nullable(),
  updatedAt: z.string().nullable(),
  newestClaim: count,
  claim: openClaimSchema.nullable(),
  lastRelease: z
    .object({ cause: releaseCauseSchema, step: count, message: z.string(), at: z.string() })
    .nullable(),
  checkpoints: z.array(checkpointRecordSchema),
  committed: count,
  resumeFrom: z.string().nullable(),
  reachedStep: count,
  requests: z.object({ pause: z.boolean(), cancel: z.boolean(), prune: z.array(z.string()) }),
  strikes: z.object({
    errors: count,
    total: count,
    step: count,
    instances: z.array(z.string()),
    lastMessage: z.string().nullable(),
  }),
  end: endSchema.nullable(),
  lastTicketedAt: z.string().nullable(),
  forks: z.array(z.object({ checkpoint: z.string(), child: z.string(), at: z.string() })),
  totals: z.object({
    claims: count,
    interruptions: count,
    silentDeaths: count,
    checkpoints: count,
    lostSteps: count,
    attemptMs: count,
    bytes: count,
    newBytes: count,
  }),
  ignored: z.object({
    count,
    last: z.array(z.object({ sequence: count, why: z.string() })),
  }),
}) satisfies z.ZodType<JobState>;
