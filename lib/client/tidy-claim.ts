import { CorruptionError, FencedError, UnknownFormatError } from '../base/errors.ts';
import { retry } from '../base/retry.ts';
import type { Instance } from '../contract/journal-entry.ts';
import { encodeTicket } from '../contract/ticket.ts';
import type { ClaimOptions } from '../journal/claim.ts';
import { readHeartbeat } from '../journal/heartbeat.ts';
import type { JobState } from '../journal/job-state.ts';
import type { Journal } from '../journal/journal.ts';
import { isLive } from '../journal/liveness.ts';
import { isFinished } from '../journal/status.ts';
import { loadSpec } from './load-spec.ts';
import type { Region } from './region.ts';

/** Who claims a job only to tidy up, for people who read the journal. */
export interface Tidier {
  /** Stands for the ticket that it has not. */
  readonly ticket: string;
  /** `ann@laptop`, `reconcile`. */
  readonly by: string;
}

/** How somebody without a ticket claims a job: never one that a live owner has. */
export function tidyClaimOptions(region: Region, jobId: string, { ticket, by }: Tidier): ClaimOptions {
  const { store, timers } = region;
  return {
    ticket,
    instance: instanceOf(by),
    isLive: ({ token }) => isLive(store, { jobId, claim: token, livenessMs: timers.livenessMs }),
    lastStepOf: async ({ token }) => (await readHeartbeat(store, jobId, token))?.heartbeat.step,
  };
}

/** Undefined when somebody claimed the job after us: it is in their hands then. */
export async function unlessFenced<Result>(work: Promise<Result>): Promise<Result | undefined> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof FencedError) return undefined;
    throw error;
  }
}

/**
 * Ends a claim that was taken only to tidy up. The job goes on where it has to, unless somebody else has it by now, or
 * has ended the claim: whoever resumes a finished job does not wait for one who tidies.
 */
export async function giveBackTidied(
  region: Region,
  journal: Journal,
  claim: { readonly token: number; readonly by: string; readonly message: string },
): Promise<void> {
  const { token, by, message } = claim;
  const { entry, state } = await journal.append((now) =>
    now.claim?.token === token
      ? {
          kind: 'released',
          claim: token,
          cause: 'handover',
          step: now.reachedStep,
          instance: instanceOf(by),
          message,
        }
      : undefined,
  );
  // A worker that came meanwhile has taken the job for owned and dropped its ticket.
  if (entry !== undefined && !isFinished(state.status)) await wake(region, state);
}

/** Sends a ticket, also for a job whose spec cannot be read: to fail it is for a worker. */
export async function wake(region: Region, state: JobState): Promise<void> {
  const queue = await region.queue();
  const owner = await ownerOf(region, state);
  const body = encodeTicket(state.jobId);
  await retry(() => queue.send(body, owner === undefined ? {} : { groupId: owner }), region);
}

/** For fairness between owners only. */
async function ownerOf(region: Region, { spec }: JobState): Promise<string | undefined> {
  try {
    return spec === null ? undefined : (await loadSpec(region.store, spec)).owner;
  } catch (error) {
    if (error instanceof CorruptionError || error instanceof UnknownFormatError) return undefined;
    throw error;
  }
}

function instanceOf(by: string): Instance {
  return { id: by, type: 'operator', zone: 'none' };
}
