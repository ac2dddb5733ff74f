import { z } from 'zod';
import type { ImdsReader } from './imds-client.ts';
import { parseImdsDocument } from './imds-document.ts';
import type { Notice } from './notice.ts';
import type { NoticeSource } from './notice-source.ts';

const path = 'meta-data/events/maintenance/scheduled';

/**
 * EC2 schedules maintenance days or weeks ahead. An event further away than this is no notice yet: an instance that took no
 * more work from then on would be paid for nothing. Fifteen minutes are plenty for a checkpoint and a replacement.
 */
const defaultHorizonMs = 15 * 60_000;

const months = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'.split(' ');

/** `21 Jan 2019 09:00:43 GMT`, the only form that this path uses; some mocks write ISO 8601. */
function parseGmtDate(text: string): Date | undefined {
  const match = /^(\d{1,2}) ([A-Z][a-z]{2}) (\d{4}) (\d{2}):(\d{2}):(\d{2}) GMT$/.exec(text);
  if (match === null)
    return z.iso.datetime({ offset: true }).safeParse(text).success ? new Date(text) : undefined;
  const [, day, month = '', year, hour, minute, second] = match;
  const monthIndex = months.indexOf(month);
  if (monthIndex < 0) return undefined;
  return new Date(
    Date.UTC(Number(year), monthIndex, Number(day), Number(hour), Number(minute), Number(second)),
  );
}

const gmtDateSchema = z.string().transform((text, context) => {
  const date = parseGmtDate(text);
  if (date !== undefined) return date;
  context.addIssue(`\`${text}\` is not a date like 21 Jan 2019 09:00:43 GMT`);
  return z.NEVER;
});

// Completed and canceled events carry dates as well, but only those of active ones matter: others must not fail the list.
const eventsSchema = z.array(
  z.discriminatedUnion('State', [
    z.object({ State: z.literal('active'), Code: z.string(), EventId: z.string(), NotBefore: gmtDateSchema }),
    z.object({ State: z.literal(['completed', 'canceled']) }),
  ]),
);

/** Reboots, stops and retirements that EC2 has scheduled: the earliest active one that is near. */
export function scheduledMaintenance(
  client: ImdsReader,
  options: { readonly horizonMs?: number } = {},
): NoticeSource {
  const { horizonMs = defaultHorizonMs } = options;
  return {
    name: 'events/maintenance/scheduled',
    // Announced days ahead; within the horizon above a minute more or less is nothing.
    everyNthLook: 30,
    async poll(signal) {
      const answer = await client.get(path, signal);
      if (answer === undefined) return undefined;
      const near = parseImdsDocument(eventsSchema, answer, path)
        .flatMap((event) => (event.State === 'active' ? [event] : []))
        .map((event): Extract<Notice, { kind: 'scheduled-maintenance' }> => {
          const remainingMs = Math.max(0, event.NotBefore.getTime() - answer.date.getTime());
          return {
            kind: 'scheduled-maintenance',
            code: event.Code,
            eventId: event.EventId,
            notBefore: event.NotBefore,
            remainingMs,
          };
        })
        .filter((notice) => notice.remainingMs <= horizonMs)
        .toSorted((a, b) => a.remainingMs - b.remainingMs);
      return near[0];
    },
  };
}
