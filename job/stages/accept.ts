import { CorruptionError, messageOf, NotFoundError, UsageError } from '../../lib/base/errors.ts';
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
 * Reads the job that a message wakes.
 * @throws UsageError for a message that is no ticket and no job, NotFoundError for the ticket of an unknown job: what
 * becomes of such a message is in `job/put-back.ts`
 * @throws TransientError when store or queue are out of reach
 * @throws UnknownFormatError when a newer Holdfast wrote the message or the journal
 */
export async function acceptTicket(world: World, message: QueueMessage): Promise<AcceptedTicket> {
  const { messageId, receiptHandle } = message;
  const jobId = await jobOf(world, message);
  const journal = await openJournal(world, jobId);
  if (journal.state.sequence === 0) {
    throw new NotFoundError(`there is no job \`${jobId}\` in this store.`, {
      facts: { store: world.store.uri },
    });
  }
  return { ticket: { messageId, receiptHandle, renewedAtMs: world.clock.monotonicMs() }, journal };
}

async function jobOf(world: World, message: QueueMessage): Promise<string> {
  const origin = { what: 'message', at: message.messageId };
  const ticket = attemptParse(() => parseDocument(ticketSchema, message.body, origin));
  if (ticket.value !== undefined) return ticket.value.jobId;
  const direct = attemptParse(() => parseDocument(directJobSchema, message.body, origin));
  if (direct.value !== undefined) return adoptDirectJob(world, direct.value, message.messageId);
  throw new UsageError(`the message is no ticket and no job: ${ticket.why} ${direct.why}`);
}

function attemptParse<Value>(
  parse: () => Value,
): { readonly value: Value } | { readonly value?: undefined; readonly why: string } {
  try {
    return { value: parse() };
  } catch (error) {
    if (error instanceof CorruptionError) return { why: messageOf(error) };
    throw error;
  }
}
