import { expect, it } from 'vitest';
import { systemClock } from '../../../lib/base/clock.ts';
import { seededRandom } from '../../../lib/base/random.ts';
import type { Region } from '../../../lib/client/region.ts';
import { type LogEvent, streamLogs } from '../../../lib/client/stream-logs.ts';
import { objectKeys } from '../../../lib/contract/object-keys.ts';
import { encodeSegment } from '../../../lib/contract/segments.ts';
import { defaultTimers } from '../../../lib/contract/timers.ts';
import { openJournal } from '../../../lib/journal/journal.ts';
import { MemoryJobQueue } from '../../../lib/queue/memory-job-queue.ts';
import { MemoryObjectStore } from '../../../lib/store/memory-object-store.ts';
import { claimed, jobId, submittedJournal } from '../../support/journal-world.ts';

type Scene = () => Promise<void>;

/** A region in memory in which every wait plays the next scene. */
function theatre(scenes: Scene[]): Region {
  return {
    place: { store: 'memory:store', queue: 'memory:queue', origin: 'flags', timers: defaultTimers },
    store: new MemoryObjectStore(),
    timers: defaultTimers,
    clock: { ...systemClock, sleep: async () => scenes.shift()?.() },
    random: seededRandom(1),
    queue: async () => new MemoryJobQueue(),
    close: async () => {},
  };
}

const told = (event: LogEvent): string =>
  event.kind === 'line' ? event.line : `── ${event.end.kind}, resumed from ${event.resumedFromStep}`;

it('follows a job: each segment once, an attempt after its ruler, the last words after the end', async () => {
  const scenes: Scene[] = [];
  const region = theatre(scenes);
  const journal = await submittedJournal(region);
  const first = await claimed(journal);
  const put = async (claim: number, index: number, line: string): Promise<void> => {
    const at = '2030-01-01T00:00:00.000Z';
    const segment = encodeSegment([{ at, stream: 'out', line, step: 0 }]);
    await region.store.put(objectKeys.logSegment(jobId, claim, index), segment);
  };
  await put(first.token, 0, 'first 0');
  let second = first;
  const heard: string[] = [];
  const heardAt: number[] = [];
  scenes.push(
    async () => put(first.token, 1, 'first 1'),
    async () => {
      await first.append(() => ({ kind: 'released', cause: 'interrupted', step: 0, message: 'taken' }));
      second = await claimed(journal, { on: 'i-2' });
      await put(second.token, 0, 'second 0');
    },
    async () => {
      heardAt.push(heard.length);
      await second.append(() => ({ kind: 'restored', checkpoint: null, step: 0, bytes: 0, elapsedMs: 1 }));
    },
    async () => {
      heardAt.push(heard.length);
      await second.append(() => ({ kind: 'failed', reason: 'errors', message: 'boom', step: 0 }));
    },
    async () => put(second.token, 1, 'second 1'),
  );
  const reader = await openJournal(region, jobId);
  for await (const event of streamLogs(region, reader, { follow: true })) heard.push(told(event));
  expect(heard).toEqual(['first 0', 'first 1', '── interrupted, resumed from 0', 'second 0', 'second 1']);
  // The second attempt's output had waited until it was known where it began.
  expect(heardAt).toEqual([2, 4]);
  expect(scenes).toEqual([]);
});

it('ends quietly when it is told to', async () => {
  const region = theatre([]);
  await submittedJournal(region);
  const reader = await openJournal(region, jobId);
  const events: LogEvent[] = [];
  const signal = AbortSignal.abort();
  for await (const event of streamLogs(region, reader, { follow: true, signal })) events.push(event);
  expect(events).toEqual([]);
});
