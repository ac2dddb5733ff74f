import { z } from 'zod';
import type { ImdsReader } from './imds-client.ts';
import { parseImdsDocument } from './imds-document.ts';
import type { NoticeSource } from './notice-source.ts';

const path = 'meta-data/spot/instance-action';

/** EC2 promises no more than this, whatever time it names. */
const noticeMsMax = 120_000;

const actions = z.enum(['terminate', 'stop', 'hibernate']);

const instanceActionSchema = z.union([
  z.object({
    // EC2 takes the instance back, whatever a later version calls it: a word that we do not know is treated as the worst one.
    action: actions.catch('terminate'),
    // EC2 writes UTC with a Z; a mock told a time with an offset repeats it, and a notice that is there must not go unread.
    time: z.iso.datetime({ offset: true }).transform((text) => new Date(text)),
  }),
  // A notice whose time cannot be read is one all the same.
  z.object({ action: z.string().pipe(actions.catch('terminate')) }),
]);

/**
 * The Spot interruption notice. Its time is measured against the `Date` of the same answer, never against our own clock; one
 * that names no time that can be read leaves two minutes from that answer.
 */
export function spotInstanceAction(client: ImdsReader): NoticeSource {
  return {
    name: 'spot/instance-action',
    async poll(signal) {
      const answer = await client.get(path, signal);
      if (answer === undefined) return undefined;
      const notice = parseImdsDocument(instanceActionSchema, answer, path);
      const { action } = notice;
      const time = 'time' in notice ? notice.time : new Date(answer.date.getTime() + noticeMsMax);
      const untilMs = time.getTime() - answer.date.getTime();
      const remainingMs = action === 'hibernate' ? 0 : Math.min(noticeMsMax, Math.max(0, untilMs));
      return { kind: 'spot-interruption', action, at: time, remainingMs };
    },
  };
}
