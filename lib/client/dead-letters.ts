import type { DeadLetter } from '../queue/job-queue.ts';
import { deadLettersMax } from '../queue/queue-limits.ts';
import type { Region } from './region.ts';

export interface DeadLetterList {
  /** The newest first. */
  readonly deadLetters: readonly DeadLetter[];
  /** False when there may be more than are looked at. */
  readonly isComplete: boolean;
}

/**
 * The messages that nobody could make sense of.
 * @throws UnfitError when the queue keeps none
 */
export async function listDeadLetters(region: Region): Promise<DeadLetterList> {
  const queue = await region.queue();
  const found = await queue.deadLetters({ limit: deadLettersMax });
  return {
    deadLetters: found.toSorted((one, other) => other.since.getTime() - one.since.getTime()),
    isComplete: found.length < deadLettersMax,
  };
}

/**
 * Sends a dead letter to the workers once more, once what was wrong is mended.
 * @throws NotFoundError when it is not there; ConflictError when it is not whole any more
 */
export async function retryDeadLetter(
  region: Region,
  messageId: string,
): Promise<{ readonly messageId: string }> {
  const queue = await region.queue();
  return queue.redrive(messageId);
}
