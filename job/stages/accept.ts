import { CorruptionError, messageOf } from '../../lib/base/errors.ts';
import { parseDocument } from '../../lib/contract/parse-document.ts';
import { directJobSchema, ticketSchema } from '../../lib/contract/ticket.ts';
import { type Journal, openJournal } from '../../lib/journal/journal.ts';
import type { QueueMessage } from '../../lib/queue/job-queue.ts';
import { adoptDirectJob } from '../direct-job.ts';
import type { HeldTicket } from '../ownership.ts';
import type { World } from '../world.ts';

export interface AcceptedTicket {
  readonly ticket: HeldTicket;
  readonly journal: Journal;
}

/**
 * Reads the job that a message wakes. Undefined when nobody can make sense of the message: it is left to come back, and the
 * queue's dead letters catch it in the end.
 * @throws TransientError when store or queue are out of reach
 * @throws UnknownFormatError when a newer Holdfast wrote the message or the journal
 */
export async function acceptTicket(world: World, message: QueueMessage): Promise<AcceptedTicket | undefined> {
  const jobId = await jobOf(world, message);
  if (jobId === undefined) return undefined;
  const journal = await openJournal(world, jobId);
  if (journal.state.sequence === 0) {
    world.log.warn('ticket-of-unknown-job', { jobId, ticket: message.messageId });
    return undefined;
  }
  const { messageId, receiptHandle } = message;
  return { ticket: { messageId, receiptHandle, renewedAtMs: world.clock.monotonicMs() }, journal };
}

async function jobOf(world: World, message: QueueMessage): Promise<string | undefined> {
  const origin = { what: 'message', at: message.messageId };
  const ticket = attemptParse(() => parseDocument(ticketSchema, message.body, origin));
  if (ticket.value !== undefined) return ticket.value.jobId;
  const direct = attemptParse(() => parseDocument(directJobSchema, message.body, origin));
  if (direct.value !== undefined) return adoptDirectJob(world, direct.value, message.messageId);
  world.log.warn('message-not-understood', { ticket: message.messageId, message: ticket.why });
  return undefined;
}

function attemptParse<Value>(parse: () => Value): { readonly value?: Value; readonly why?: string } {
  try {
    return { value: parse() };
  } catch (error) {
    if (error instanceof CorruptionError) return { why: messageOf(error) };
    throw error;
  }
}
