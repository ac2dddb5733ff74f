import { assert } from '../../lib/base/assert.ts';
import type { EntryFacts } from '../../lib/contract/journal-entry.ts';
import { encodeTicket } from '../../lib/contract/ticket.ts';
import { failureOf, shouldFail } from '../../lib/journal/strikes.ts';
import type { Claim } from '../../lib/journal/claim.ts';
import type { Outcome } from '../attempt.ts';
import type { HeldTicket } from '../ownership.ts';
import type { World } from '../world.ts';

/** A job whose attempt failed rests this long: a fault that strikes at once would otherwise burn its strikes in seconds. */
const retryDelayMs = 5_000;

/** What is needed to end an attempt, however far it came. */
export interface Ending {
  readonly claim: Claim;
  readonly ticket: HeldTicket;
  /** Last step that the trainer reported. */
  readonly step: number;
  readonly owner: string | undefined;
}

/** A machine on which something was committed is not broken. The newest checkpoint is always retained. */
function hasCommitted({ claim }: Ending): boolean {
  return claim.journal.state.checkpoints.some((record) => record.claim === claim.token);
}

/** What the worker does next. */
export type Settled = 'go-on' | 'handed-over' | 'fenced' | 'struck-by-infrastructure';

/**
 * Ends the attempt: the journal first, then the new ticket, then the old one goes. A crash between any two leaves an extra
 * ticket, which is harmless, never none. A fenced worker touches nothing.
 */
export async function settle(world: World, ending: Ending, outcome: Outcome): Promise<Settled> {
  const { step } = ending;
  switch (outcome.kind) {
    case 'completed':
      await append(ending, {
        kind: 'completed',
        checkpoint: outcome.record.id,
        step: outcome.record.step,
        epoch: outcome.record.epoch,
        reason: outcome.reason,
        metrics: { ...outcome.metrics },
      });
      await dropTicket(world, ending.ticket);
      return 'go-on';
    case 'paused':
      return pauseOrGoOn(world, ending);
    case 'cancelled':
      await append(ending, { kind: 'cancelled', step });
      await dropTicket(world, ending.ticket);
      return 'go-on';
    case 'failed':
      await append(ending, { kind: 'failed', reason: outcome.reason, message: outcome.message, step });
      await dropTicket(world, ending.ticket);
      return 'go-on';
    case 'interrupted':
      await release(world, ending, { cause: 'interrupted', message: outcome.notice, notice: outcome.notice });
      await handOver(world, ending);
      return 'handed-over';
    case 'handover':
      await release(world, ending, { cause: 'handover', message: outcome.why });
      await handOver(world, ending, outcome.later ? world.timers.visibilityMs : 0);
      return 'go-on';
    case 'error':
    case 'hung':
    case 'infrastructure':
      await release(world, ending, { cause: outcome.kind, message: outcome.message });
      await failOrHandOver(world, ending);
      return outcome.kind === 'infrastructure' && !hasCommitted(ending)
        ? 'struck-by-infrastructure'
        : 'go-on';
    case 'fenced':
      return 'fenced';
  }
}

/** An operator may have resumed the job while its checkpoint was under way: then there is nothing to pause any more. */
async function pauseOrGoOn(world: World, ending: Ending): Promise<Settled> {
  const { claim, step, ticket } = ending;
  const { entry } = await claim.append((state) =>
    state.requests.pause
      ? { kind: 'paused', step }
      : {
          kind: 'released',
          cause: 'handover',
          step,
          instance: world.instance,
          message: 'resumed while it was being paused',
        },
  );
  if (entry?.kind === 'paused') await dropTicket(world, ticket);
  else await handOver(world, ending);
  return 'go-on';
}

async function append(ending: Ending, facts: EntryFacts): Promise<void> {
  const { entry } = await ending.claim.append(() => facts);
  assert(entry !== undefined, 'a settled attempt stands in the journal', { kind: facts.kind });
}

async function release(
  world: World,
  ending: Ending,
  facts: Pick<Extract<EntryFacts, { kind: 'released' }>, 'cause' | 'message' | 'notice'>,
): Promise<void> {
  await append(ending, { kind: 'released', step: ending.step, instance: world.instance, ...facts });
}

/** Strikes are counted by the fold; when they are full nobody should pick the job up again. */
async function failOrHandOver(world: World, ending: Ending): Promise<void> {
  const { state } = ending.claim.journal;
  if (!shouldFail(state)) return handOver(world, ending, Math.min(retryDelayMs, world.timers.visibilityMs));
  await append(ending, failureOf(state));
  await dropTicket(world, ending.ticket);
}

/** Send before delete: a job without a ticket would wait for `reconcile`. */
async function handOver(world: World, ending: Ending, delayMs = 0): Promise<void> {
  const { claim, ticket, owner } = ending;
  await world.queue.send(encodeTicket(claim.journal.jobId), {
    ...(owner !== undefined && { groupId: owner }),
    delayMs,
  });
  await dropTicket(world, ticket);
}

/** A handle that was not renewed for long may belong to another receiver by now: then the ticket stays, as an extra one. */
async function dropTicket(world: World, ticket: HeldTicket): Promise<void> {
  const ageMs = world.clock.monotonicMs() - ticket.renewedAtMs;
  if (ageMs < world.timers.handleTrustMs) await world.queue.delete(ticket.receiptHandle);
  else world.log.warn('ticket-left', { ticket: ticket.messageId, ageMs });
}
