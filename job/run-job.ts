import { messageOf } from '../lib/base/errors.ts';
import { interruptionRisk } from '../lib/checkpoint/interruption-risk.ts';
import { restoreNewest } from '../lib/checkpoint/restore.ts';
import type { Claim } from '../lib/journal/claim.ts';
import type { QueueMessage } from '../lib/queue/job-queue.ts';
import type { Attempt, AttemptEvent, Outcome } from './attempt.ts';
import { openAttempt } from './open-attempt.ts';
import { outcomeOfError } from './outcome-of.ts';
import type { HeldTicket } from './ownership.ts';
import { putBack } from './put-back.ts';
import { acceptTicket } from './stages/accept.ts';
import { claimTicket } from './stages/claim.ts';
import { fetchFiles } from './stages/fetch.ts';
import { type Settled, settle } from './stages/settle.ts';
import { trainJob } from './stages/train.ts';
import type { World } from './world.ts';

/**
 * One ticket, from the queue to its end: accept → claim → fetch → restore ∥ train → settle. Everything that can interrupt
 * it on the way is in `stages/fetch.ts` and `stages/train.ts`; every way it can end is in `stages/settle.ts`.
 */
export async function runJob(world: World, message: QueueMessage): Promise<Settled | 'declined'> {
  const taken = await takeJob(world, message);
  return taken === undefined ? 'declined' : runAttempt(world, taken.claim, taken.ticket);
}

/** Undefined when there is nothing to do here; the message has been dealt with. */
async function takeJob(
  world: World,
  message: QueueMessage,
): Promise<{ readonly claim: Claim; readonly ticket: HeldTicket } | undefined> {
  try {
    const accepted = await acceptTicket(world, message);
    const claimed = await claimTicket(world, accepted);
    if (claimed.outcome === 'claimed') return { claim: claimed.claim, ticket: accepted.ticket };
    world.log.info('ticket-declined', { jobId: accepted.journal.jobId, why: claimed.why });
  } catch (error) {
    await putBack(world, message, error);
  }
  return undefined;
}

async function runAttempt(world: World, claim: Claim, ticket: HeldTicket): Promise<Settled> {
  const { jobId } = claim.journal;
  world.log.info('job-claimed', { jobId, claim: claim.token, ticket: ticket.messageId });
  world.fleet.claimed({ jobId, step: claim.journal.state.checkpoints.at(-1)?.step ?? 0 });
  let opened: Awaited<ReturnType<typeof openAttempt>>;
  try {
    opened = await openAttempt(world, claim, ticket);
  } catch (error) {
    // Whatever goes wrong after a receive stands in the journal: a job must not fail in a worker's log alone.
    return await settle(world, { claim, ticket, step: 0, owner: undefined }, outcomeOfError(error));
  }
  await using closing = opened;
  const { attempt } = closing;
  const outcome = await outcomeOf(world, attempt);
  const { step } = attempt.progress;
  world.log.info('attempt-ended', { jobId, claim: claim.token, outcome: outcome.kind, step });
  attempt.stopWork(new Error('the attempt has ended'));
  // Awaited here: the attempt is closed after it was settled, and a failure to settle always has somebody who hears it.
  return await settle(world, { claim, ticket, step, owner: attempt.spec.owner }, outcome);
}

async function outcomeOf(world: World, attempt: Attempt): Promise<Outcome> {
  try {
    const fetched = await fetchFiles(world, attempt);
    if ('ended' in fetched) return fetched.ended;
    void restore(world, attempt);
    // Where anything was ever committed an attempt never begins afresh, whatever is left of it.
    const { state } = attempt.claim.journal;
    const resuming = state.committed > 0;
    return await trainJob(world, attempt, {
      spec: attempt.spec,
      dirs: attempt.dirs,
      resuming,
      risk: interruptionRisk({
        totals: state.totals,
        // How long a copy within the store took says nothing about an upload.
        newest: state.checkpoints.findLast(({ reason }) => reason !== 'fork'),
        store: world.store.uri,
      }),
      ...fetched.files,
    });
  } catch (error) {
    return outcomeOfError(error);
  }
}

/** Downloads and verifies while the trainer starts; it assigns no tensor before it is told. */
async function restore(world: World, attempt: Attempt): Promise<void> {
  const startedAtMs = world.clock.monotonicMs();
  let event: AttemptEvent;
  try {
    const result = await restoreNewest(attempt.claim, {
      store: world.store,
      clock: world.clock,
      random: world.random,
      log: world.log,
      dir: attempt.dirs.restored,
      receiverFor: (bytes) => world.transfer.receiverFor(bytes),
      signal: attempt.signal,
    });
    event = { kind: 'restored', result, elapsedMs: world.clock.monotonicMs() - startedAtMs };
  } catch (error) {
    world.log.warn('restore-failed', { message: messageOf(error) });
    event = { kind: 'restore-failed', error };
  }
  attempt.events.push(event);
}
