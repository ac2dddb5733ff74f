import { NotFoundError, UsageError } from '../base/errors.ts';
import type { SendOptions } from './job-queue.ts';

/** Most bytes of a body, in UTF-8: what SQS takes. */
export const bodyBytesMax = 2 ** 20;
/** Longest delay of a new message: 15 minutes, as on SQS. */
export const delayMsMax = 900_000;
/** A message is hidden at most 12 hours from its receive; extending does not start that time again, as on SQS. */
export const holdMsMax = 43_200_000;
/** A message lives 14 days from its send, as on SQS. */
export const retentionMsMax = 14 * 86_400_000;
/** Receives before a message is set aside as dead: it catches only what nobody can read, since poison is the journal's to judge. */
export const receivesMax = 1_000;

/** @throws UsageError for a body over 1 MiB, or a delay that is not between 0 and 15 minutes */
export function checkSend(body: string, { delayMs = 0 }: SendOptions): void {
  const bytes = Buffer.byteLength(body);
  if (bytes > bodyBytesMax) {
    throw new UsageError('a message body is longer than 1 MiB.', {
      facts: { bytes, bodyBytesMax },
      hint: 'Put the content into the object store and send its key.',
    });
  }
  if (!(delayMs >= 0 && delayMs <= delayMsMax)) {
    throw new UsageError('a message may be delayed by 0 to 15 minutes.', { facts: { delayMs, delayMsMax } });
  }
}

/** Enough to recognise a message by. */
const excerptCharactersMax = 200;
/** Dead letters in one look: more than a person reads, and a bound on what is hidden from others meanwhile. */
export const deadLettersMax = 100;

/** The beginning of a body, as dead letters show it. */
export function excerptOf(body: string): string {
  return body.slice(0, excerptCharactersMax);
}

export function noSuchDeadLetter(messageId: string, queue: string): NotFoundError {
  return new NotFoundError('there is no such dead letter:', {
    facts: { messageId, queue },
    hint: '`holdfast ls --dead-letters` lists them; the service may show one only after some seconds.',
  });
}
