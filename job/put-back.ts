import { AccessDeniedError, HoldfastError, messageOf, remedyOf, UsageError } from '../lib/base/errors.ts';
import type { QueueMessage } from '../lib/queue/job-queue.ts';
import type { World } from './world.ts';

/**
 * A message that may make sense later is received this often before it is set aside: its program may still be on its way,
 * and a damaged journal be restored. Receives are as far apart as the visibility, so that this is some minutes.
 */
const receivesMax = 3;
/**
 * A message of a newer Holdfast is hidden longer with every receive, up to this: an old worker keeps it from newer ones
 * for no longer than a boot takes, and the thousand receives of the queue last for more than the 14 days of a message.
 */
const newerHiddenMsMax = 30 * 60_000;

/**
 * Deals with a message whose job could not be claimed because of `error`. What is wrong with the message or with its job
 * alone ends in the dead letters with the reason; what is newer is put back for newer workers.
 * @throws what says nothing about this message: the store is out of reach, access is refused, a fault in Holdfast
 */
export async function putBack(world: World, message: QueueMessage, error: unknown): Promise<void> {
  const { messageId, receiveCount } = message;
  const facts = { ticket: messageId, message: messageOf(error), receiveCount };
  switch (remedyOf(error)) {
    case 'retry':
      throw error;
    case 'yield':
      world.log.warn('message-of-a-newer-holdfast', facts);
      await hideForNewer(world, message);
      return;
    case 'crash':
      // A fault of ours must be loud, but one message must not end every worker that there is.
      if (receiveCount >= receivesMax) await setAside(world, message, error);
      throw error;
    case 'reject':
    case 'fall-back':
      if (error instanceof AccessDeniedError) throw error;
      // What nobody can read today nobody can read tomorrow.
      if (error instanceof UsageError || receiveCount >= receivesMax) await setAside(world, message, error);
      else world.log.warn('message-comes-back', facts);
  }
}

async function hideForNewer(world: World, { receiptHandle, receiveCount }: QueueMessage): Promise<void> {
  const ms = Math.min(receiveCount * world.timers.visibilityMs, newerHiddenMsMax);
  await world.queue.changeVisibility(receiptHandle, ms);
}

/** Best effort: a message that cannot be set aside comes back, and the queue's own limit of receives catches it in the end. */
async function setAside(world: World, message: QueueMessage, error: unknown): Promise<void> {
  const { messageId } = message;
  const reason = reasonOf(error);
  try {
    const outcome = await world.queue.setAside(message, reason);
    if (outcome === 'set-aside') world.log.error('message-set-aside', { ticket: messageId, reason });
    else world.log.error('message-left', { ticket: messageId, reason, why: 'the queue has no dead letters' });
  } catch (failure) {
    world.log.error('message-left', { ticket: messageId, reason, why: messageOf(failure) });
  }
}

/** What is wrong, and what a person may do about it. */
function reasonOf(error: unknown): string {
  const hint = error instanceof HoldfastError ? error.hint : undefined;
  return hint === undefined ? messageOf(error) : `${messageOf(error)} ${hint}`;
}
