import { pause } from '../lib/base/clock.ts';
import { FencedError, messageOf, remedyOf } from '../lib/base/errors.ts';
import type { Claim } from '../lib/journal/claim.ts';
import { putHeartbeat } from '../lib/journal/heartbeat.ts';
import { prunable } from '../lib/journal/fold-checkpoints.ts';
import type { JobState } from '../lib/journal/job-state.ts';
import type { ProgressWatch } from './progress-watch.ts';
import type { World } from './world.ts';

/** The ticket in the queue that an attempt holds. */
export interface HeldTicket {
  readonly messageId: string;
  readonly receiptHandle: string;
  /** Monotonic time of the receive or of the last renewal that was accepted. */
  renewedAtMs: number;
}

export interface OwnershipEvents {
  /** A newer claim stands: stop at once, touch nothing. */
  readonly fenced: (error: unknown) => void;
  /** The ticket is no longer ours though the job is: hand over to ourselves. */
  readonly ticketLost: () => void;
  /** The trainer's budget is spent. */
  readonly hung: (verdict: string) => void;
  /** Operators' requests stand in the journal. */
  readonly requested: (requests: JobState['requests']) => void;
  /** Somebody asked for checkpoints to be dropped that need not stay. Told at every look until they are gone. */
  readonly pruneRequested: () => void;
}

/**
 * Keeps the claim alive and notices when it is lost: heartbeat and ticket renewal every `heartbeatMs`, a look at the next
 * journal slot every `requestsPollMs`. After a freeze (wall and monotonic time disagree, or a tick came far too late) the
 * next slot is read before anything is written, because a replacement may have taken over meanwhile.
 */
export async function keepOwnership(
  world: World,
  held: { readonly claim: Claim; readonly ticket: HeldTicket; readonly progress: ProgressWatch },
  options: { readonly events: OwnershipEvents; readonly signal: AbortSignal },
): Promise<void> {
  const { claim, progress } = held;
  const { events, signal } = options;
  const { clock, timers } = world;
  const tickMs = Math.min(timers.requestsPollMs, timers.heartbeatMs);
  let beatAtMs = -Infinity;
  let last = { wallMs: clock.now().getTime(), monotonicMs: clock.monotonicMs() };
  while (!signal.aborted) {
    try {
      const froze = frozenMs(world, last, tickMs) > timers.freezeMs;
      last = { wallMs: clock.now().getTime(), monotonicMs: clock.monotonicMs() };
      if (froze) world.log.warn('clock-jump', { tickMs });
      await lookAtJournal(claim, events);
      if (progress.isSpent) {
        events.hung(progress.verdict);
        return;
      }
      if (clock.monotonicMs() - beatAtMs >= timers.heartbeatMs) {
        beatAtMs = clock.monotonicMs();
        await beat(world, held, events);
      }
    } catch (error) {
      if (signal.aborted) return;
      if (remedyOf(error) === 'yield') {
        events.fenced(error);
        return;
      }
      // The store or queue is out of reach: the ticket stays unrenewed, and safety never rests on the heartbeat.
      world.log.warn('heartbeat-failed', { message: messageOf(error) });
    }
    await pause(clock, tickMs, signal);
  }
}

function frozenMs(
  world: World,
  last: { readonly wallMs: number; readonly monotonicMs: number },
  tickMs: number,
): number {
  const wall = world.clock.now().getTime() - last.wallMs;
  const monotonic = world.clock.monotonicMs() - last.monotonicMs;
  return Math.max(Math.abs(wall - monotonic), monotonic - tickMs);
}

async function lookAtJournal(claim: Claim, events: OwnershipEvents): Promise<void> {
  const state = await claim.journal.peek();
  if (state.newestClaim !== claim.token) {
    throw new FencedError('a newer claim stands in the journal.', {
      facts: { ours: claim.token, newest: state.newestClaim },
    });
  }
  if (state.requests.pause || state.requests.cancel) events.requested(state.requests);
  if (prunable(state).length > 0) events.pruneRequested();
}

async function beat(
  world: World,
  held: { readonly claim: Claim; readonly ticket: HeldTicket; readonly progress: ProgressWatch },
  events: OwnershipEvents,
): Promise<void> {
  const { claim, ticket, progress } = held;
  await putHeartbeat(world.store, claim.journal.jobId, {
    format: 1,
    claim: claim.token,
    ...progress.heartbeat,
  });
  // Only after the heartbeat: a worker that cannot write must not keep the job away from one that can.
  const renewed = await world.queue.changeVisibility(ticket.receiptHandle, world.timers.visibilityMs);
  if (renewed === 'changed') ticket.renewedAtMs = world.clock.monotonicMs();
  else events.ticketLost();
}
