/** What must hold of tickets: a runnable job that nobody works on has one, or gets one within the stated bound. */
import type { JobRecord } from './job-record.ts';

/** The tickets of one job that are in the queue, seen or hidden. */
export type Tickets = ReadonlySet<string>;

/**
 * The new ticket is sent before the old one goes: whoever dies in between leaves one too many, never none. `removed` is
 * gone already.
 */
export function handsOverBeforeItLetsGo(
  record: JobRecord,
  removed: string,
  { tickets, ownTicket }: { readonly tickets: Tickets; readonly ownTicket: string | undefined },
): string | undefined {
  // Who tidies up has no ticket, and sends one after its release.
  if (record.newest?.kind !== 'released' || record.newest.instance?.type === 'operator') return undefined;
  if (removed !== ownTicket || tickets.size > 0) return undefined;
  return `the attempt let go of ticket ${removed}, and the job has no other`;
}

/** Nobody takes away the ticket that the owner of an open attempt holds: its own end is in the journal before that. */
export function ownersKeepTheirTickets({ status, claim }: JobRecord, removed: string): string | undefined {
  return status === 'runnable' && claim?.ticket === removed
    ? `ticket ${removed} was deleted while claim ${claim.token} holds it`
    : undefined;
}

/** How soon a job that lost its ticket must have another: what the region promises. */
export interface TicketBound {
  /** Silence after which a ticket is taken for lost. */
  readonly silentMs: number;
  /** Between two tickets that are sent on suspicion. */
  readonly betweenTicketsMs: number;
  /** Between two rounds of those who look, bad weather included. */
  readonly roundMs: number;
  /** An owner whose last sign of life is older is not live. */
  readonly livenessMs: number;
}

export interface SignsOfLife {
  readonly tickets: Tickets;
  /** When the owner's last heartbeat landed. */
  readonly heartbeatMs: number | undefined;
  readonly nowMs: number;
}

/** No job waits without a ticket and without an owner for longer than the bound. */
export function noJobIsForgotten(
  record: JobRecord,
  signs: SignsOfLife,
  bound: TicketBound,
): string | undefined {
  if (!record.isWaiting || signs.tickets.size > 0) return undefined;
  const { nowMs, heartbeatMs = -Infinity } = signs;
  if (record.claim !== undefined && nowMs - Math.max(heartbeatMs, record.claim.landedMs) < bound.livenessMs)
    return undefined;
  const silentSinceMs = Math.max(record.landedMs, heartbeatMs);
  const dueMs = Math.max(
    silentSinceMs + bound.silentMs,
    (record.lastTicketedMs ?? -Infinity) + bound.betweenTicketsMs,
  );
  const lateMs = nowMs - dueMs - bound.roundMs;
  return lateMs <= 0
    ? undefined
    : `the job has neither ticket nor owner, ${Math.round(lateMs / 1_000)} s beyond the bound`;
}
