import { describe, expect, it } from 'vitest';
import { TransientError } from '../../../lib/base/errors.ts';
import type { ImdsReader } from '../../../lib/interruption/imds-client.ts';
import type { Notice } from '../../../lib/interruption/notice.ts';
import type { NoticeSource } from '../../../lib/interruption/notice-source.ts';
import { rebalanceRecommendation } from '../../../lib/interruption/rebalance-recommendation.ts';
import { scheduledMaintenance } from '../../../lib/interruption/scheduled-maintenance.ts';
import { spotInstanceAction } from '../../../lib/interruption/spot-instance-action.ts';
import { targetLifecycleState } from '../../../lib/interruption/target-lifecycle-state.ts';

const now = '2019-01-21T09:00:00Z';

/** What `source` finds where every path of IMDS answers with `body`. */
function poll(source: (client: ImdsReader) => NoticeSource, body: string): Promise<Notice | undefined> {
  const client: ImdsReader = { get: async () => ({ body, date: new Date(now) }) };
  return source(client).poll(new AbortController().signal);
}

const anAction = (time: string, action = 'terminate'): string => JSON.stringify({ action, time });

describe('spotInstanceAction', () => {
  it.each([
    ['2019-01-21T09:01:30Z', 90_000],
    ['2019-01-21T09:02:00Z', 120_000],
    ['2019-01-21T09:30:00Z', 120_000],
    ['2019-01-21T09:00:00Z', 0],
    ['2018-01-01T00:00:00Z', 0],
    ['2019-01-21T11:01:30+02:00', 90_000],
  ])('measures %s against the date of the answer: %i ms', async (time, remainingMs) => {
    await expect(poll(spotInstanceAction, anAction(time))).resolves.toEqual({
      kind: 'spot-interruption',
      action: 'terminate',
      at: new Date(time),
      remainingMs,
    });
  });

  it('leaves hibernation no time, whatever time it names', async () => {
    await expect(
      poll(spotInstanceAction, anAction('2019-01-21T09:02:00Z', 'hibernate')),
    ).resolves.toMatchObject({
      action: 'hibernate',
      remainingMs: 0,
    });
  });

  it('treats an action that it does not know as the end', async () => {
    await expect(poll(spotInstanceAction, anAction('2019-01-21T09:02:00Z', 'evict'))).resolves.toMatchObject({
      action: 'terminate',
      remainingMs: 120_000,
    });
  });

  it.each([
    ['{"action":"terminate","time":"soon"}', 'terminate', 120_000],
    ['{"action":"hibernate"}', 'hibernate', 0],
    ['{"action":"evict","time":7}', 'terminate', 120_000],
  ])('takes %j for a notice, although it names no time', async (body, action, remainingMs) => {
    await expect(poll(spotInstanceAction, body)).resolves.toMatchObject({ action, remainingMs });
  });

  it.each(['', '<html></html>', '{}', '[]', '{"time":"soon"}', '{"action":7}'])(
    'does not take %j for "no notice"',
    async (body) => {
      await expect(poll(spotInstanceAction, body)).rejects.toThrow(TransientError);
    },
  );
});

describe('rebalanceRecommendation', () => {
  it('reads the time of the recommendation', async () => {
    await expect(poll(rebalanceRecommendation, '{"noticeTime":"2020-11-05T08:22:00Z"}')).resolves.toEqual({
      kind: 'rebalance-recommendation',
      noticedAt: new Date('2020-11-05T08:22:00Z'),
    });
  });

  it('reads a time with an offset', async () => {
    await expect(
      poll(rebalanceRecommendation, '{"noticeTime":"2020-11-05T10:22:00+02:00"}'),
    ).resolves.toMatchObject({ noticedAt: new Date('2020-11-05T08:22:00Z') });
  });

  it('does not take a damaged document for "none"', async () => {
    await expect(poll(rebalanceRecommendation, '{"noticeTime":')).rejects.toThrow(TransientError);
  });
});

describe('targetLifecycleState', () => {
  it('acts on the exact word Terminated', async () => {
    await expect(poll(targetLifecycleState, 'Terminated')).resolves.toMatchObject({ state: 'Terminated' });
  });

  it.each(['InService', 'Standby', 'Detached', 'Warmed:Terminated', 'Warmed:Stopped', 'terminated', ''])(
    'takes %j for no reason to stop',
    async (state) => {
      await expect(poll(targetLifecycleState, state)).resolves.toBeUndefined();
    },
  );
});

const anEvent = (overrides: Record<string, string> = {}): object => ({
  Code: 'system-reboot',
  Description: 'scheduled reboot',
  State: 'active',
  EventId: 'instance-event-0d59937288b749b32',
  NotBefore: '21 Jan 2019 09:00:43 GMT',
  NotAfter: '21 Jan 2019 09:17:23 GMT',
  ...overrides,
});
const readMaintenance = (...events: readonly object[]): Promise<Notice | undefined> =>
  poll(scheduledMaintenance, JSON.stringify(events));

describe('scheduledMaintenance', () => {
  it('reads GMT dates', async () => {
    await expect(readMaintenance(anEvent())).resolves.toEqual({
      kind: 'scheduled-maintenance',
      code: 'system-reboot',
      eventId: 'instance-event-0d59937288b749b32',
      notBefore: new Date('2019-01-21T09:00:43Z'),
      remainingMs: 43_000,
    });
  });

  it.each(['2019-01-21T09:00:43Z', '2019-01-21T11:00:43+02:00'])(
    'reads the ISO date %s',
    async (NotBefore) => {
      await expect(readMaintenance(anEvent({ NotBefore }))).resolves.toMatchObject({ remainingMs: 43_000 });
    },
  );

  it('finds none in an empty list', async () => {
    await expect(readMaintenance()).resolves.toBeUndefined();
  });

  it.each(['completed', 'canceled'])('ignores what is %s, whatever its dates', async (State) => {
    await expect(readMaintenance(anEvent({ State, NotBefore: 'gone' }))).resolves.toBeUndefined();
  });

  it('leaves no time when the event has begun', async () => {
    await expect(readMaintenance(anEvent({ NotBefore: '20 Jan 2019 09:00:00 GMT' }))).resolves.toMatchObject({
      remainingMs: 0,
    });
  });

  it('takes the earliest of several', async () => {
    const events = ['21 Jan 2019 09:10:00 GMT', '21 Jan 2019 09:05:00 GMT', '21 Jan 2019 09:12:00 GMT'].map(
      (NotBefore) => anEvent({ NotBefore }),
    );
    await expect(readMaintenance(...events)).resolves.toMatchObject({ remainingMs: 300_000 });
  });

  it('waits with events that are days away, until a quarter of an hour before them', async () => {
    await expect(
      readMaintenance(anEvent({ NotBefore: '28 Jan 2019 09:00:00 GMT' })),
    ).resolves.toBeUndefined();
    await expect(
      readMaintenance(anEvent({ NotBefore: '21 Jan 2019 09:15:01 GMT' })),
    ).resolves.toBeUndefined();
    await expect(readMaintenance(anEvent({ NotBefore: '21 Jan 2019 09:15:00 GMT' }))).resolves.toMatchObject({
      remainingMs: 900_000,
    });
  });

  it.each(['2019-13-45', '21 Foo 2019 09:00:43 GMT', '21 Jan 2019 09:00:43 CET', ''])(
    'does not take an active event with the date %j for "none"',
    async (NotBefore) => {
      await expect(readMaintenance(anEvent({ NotBefore }))).rejects.toThrow(TransientError);
    },
  );
});
