import { z } from 'zod';
import type { ImdsReader } from './imds-client.ts';
import { parseImdsDocument } from './imds-document.ts';
import type { NoticeSource } from './notice-source.ts';

const path = 'meta-data/events/recommendations/rebalance';

const rebalanceSchema = z.object({
  noticeTime: z.iso.datetime({ offset: true }).transform((text) => new Date(text)),
});

/** The rebalance recommendation; stays there for ever once it was sent. */
export function rebalanceRecommendation(client: ImdsReader): NoticeSource {
  return {
    name: 'events/recommendations/rebalance',
    // A hint that may come hours before anything happens, or with the notice, which is looked for more often.
    everyNthLook: 5,
    async poll(signal) {
      const answer = await client.get(path, signal);
      if (answer === undefined) return undefined;
      const { noticeTime } = parseImdsDocument(rebalanceSchema, answer, path);
      return { kind: 'rebalance-recommendation', noticedAt: noticeTime };
    },
  };
}
