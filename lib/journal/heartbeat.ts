import { z } from 'zod';
import { phaseSchema } from '../contract/trainer-messages.ts';
import { objectKeys } from '../contract/object-keys.ts';
import { encodeDocument, parseDocument } from '../contract/parse-document.ts';
import type { ObjectStore } from '../store/object-store.ts';

/** What an owner says about itself every so often. For people, and as its sign of life; safety never rests on it. */
export const heartbeatSchema = z.object({
  format: z.literal(1),
  claim: z.int().positive(),
  phase: phaseSchema,
  step: z.int().nonnegative(),
  epoch: z.int().nonnegative(),
  /** Null while nothing has been measured. */
  examplesPerSecond: z.number().nonnegative().nullable(),
  /** Null when the program reports none. */
  loss: z.number().nullable(),
  metrics: z.record(z.string(), z.number()),
  /** Steps in all, where the program says so. */
  total: z.int().nonnegative().optional(),
});

export type Heartbeat = z.infer<typeof heartbeatSchema>;

/** Replaces the claim's heartbeat. Only the owner of the claim calls this, and not after it was fenced. */
export async function putHeartbeat(store: ObjectStore, jobId: string, heartbeat: Heartbeat): Promise<void> {
  await store.put(objectKeys.heartbeat(jobId, heartbeat.claim), encodeDocument(heartbeat));
}

/**
 * The last heartbeat of a claim and its age by the store's own clock; undefined before the first.
 * @throws UnknownFormatError when a newer Holdfast wrote it
 */
export async function readHeartbeat(
  store: ObjectStore,
  jobId: string,
  claim: number,
): Promise<{ readonly heartbeat: Heartbeat; readonly ageMs: number } | undefined> {
  const key = objectKeys.heartbeat(jobId, claim);
  const stored = await store.get(key);
  if (stored === undefined) return undefined;
  return {
    heartbeat: parseDocument(heartbeatSchema, stored.body, { what: 'heartbeat', at: key }),
    ageMs: stored.serverTime.getTime() - stored.lastModified.getTime(),
  };
}
