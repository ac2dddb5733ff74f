import { sha256Hex } from '../../lib/base/digest.ts';
import { CorruptionError, UnfitError } from '../../lib/base/errors.ts';
import type { DocumentRef } from '../../lib/contract/journal-entry.ts';
import { type JobSpec, jobSpecSchema } from '../../lib/contract/job-spec.ts';
import { parseDocument } from '../../lib/contract/parse-document.ts';
import { storeIdentity } from '../../lib/contract/store-identity.ts';
import { type Claim, claimJob } from '../../lib/journal/claim.ts';
import { readHeartbeat } from '../../lib/journal/heartbeat.ts';
import { isLive } from '../../lib/journal/liveness.ts';
import { isUnfinishedFork } from '../../lib/journal/status.ts';
import type { World } from '../world.ts';
import type { AcceptedTicket } from './accept.ts';

export type ClaimStage =
  | { readonly outcome: 'claimed'; readonly claim: Claim }
  /** Nothing to do here; the ticket has been dealt with. */
  | { readonly outcome: 'declined'; readonly why: string };

/**
 * Claims the job, or settles the ticket by what the journal says: finished or paused → delete; a live owner with another
 * ticket → delete this one; a live owner with this very ticket → hide it.
 * @throws UnfitError when the job belongs to another store
 */
export async function claimTicket(world: World, accepted: AcceptedTicket): Promise<ClaimStage> {
  const { ticket, journal } = accepted;
  const { state } = journal;
  if (storeIdentity(state.store) !== storeIdentity(world.store.uri)) {
    throw new UnfitError('the job belongs to another store than this worker serves.', {
      facts: { job: journal.jobId, jobStore: state.store, workerStore: world.store.uri },
      hint: 'Start the worker with the store that the job was submitted to.',
    });
  }
  const result = await claimJob(journal, {
    ticket: ticket.messageId,
    instance: world.instance,
    isLive: (owner) =>
      isLive(world.store, { jobId: journal.jobId, claim: owner.token, livenessMs: world.timers.livenessMs }),
    lastStepOf: async (owner) =>
      (await readHeartbeat(world.store, journal.jobId, owner.token))?.heartbeat.step,
  });
  if (result.outcome === 'claimed') return result;
  if (result.outcome === 'finished') {
    // Whoever makes a fork sends a ticket when it is made.
    await world.queue.delete(ticket.receiptHandle);
    const why = isUnfinishedFork(journal.state) ? 'a fork that is still being made' : result.status;
    return { outcome: 'declined', why: `the job is ${why}` };
  }
  if (result.sameTicket) {
    await world.queue.changeVisibility(ticket.receiptHandle, world.timers.visibilityMs);
    return { outcome: 'declined', why: `claim ${result.owner.token} is live and holds this ticket` };
  }
  await world.queue.delete(ticket.receiptHandle);
  return { outcome: 'declined', why: `claim ${result.owner.token} is live with another ticket` };
}

/**
 * Reads the spec that the journal names.
 * @throws CorruptionError when it is missing or its bytes are not those of the journal
 */
export async function readSpec(world: World, ref: DocumentRef): Promise<JobSpec> {
  const object = await world.store.get(ref.key);
  if (object === undefined)
    throw new CorruptionError('the spec of the job is missing.', { facts: { key: ref.key } });
  const actual = sha256Hex(object.body);
  if (actual !== ref.sha256) {
    throw new CorruptionError('the spec is not the one that the journal names.', {
      facts: { key: ref.key, expected: ref.sha256, actual },
    });
  }
  return parseDocument(jobSpecSchema, object.body, { what: 'job spec', at: ref.key });
}
