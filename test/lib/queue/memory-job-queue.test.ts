import { describe, expect, it } from 'vitest';
import { MemoryJobQueue } from '../../../lib/queue/memory-job-queue.ts';
import { manualClock } from '../../support/manual-clock.ts';
import { describeJobQueue } from './job-queue-contract.ts';

const hourMs = 3_600_000;
const take = async (queue: MemoryJobQueue, visibilityMs = 60_000): ReturnType<MemoryJobQueue['receive']> =>
  queue.receive({ waitMs: 0, visibilityMs });

for (const staleHandles of ['accepted', 'refused'] as const) {
  describeJobQueue(
    `MemoryJobQueue with stale handles ${staleHandles}`,
    async () => {
      const clock = manualClock();
      return {
        queue: new MemoryJobQueue({ clock, staleHandles }),
        advance: clock.advance,
        cleanUp: async () => {},
      };
    },
    { staleHandles },
  );
}

describe('MemoryJobQueue', () => {
  it('lets no renewal hide a message beyond 12 hours from its receive', async () => {
    const clock = manualClock();
    const queue = new MemoryJobQueue({ clock });
    await queue.send('long');
    const message = await take(queue, 11.5 * hourMs);
    await clock.advance(11 * hourMs);
    expect(await queue.changeVisibility(message?.receiptHandle ?? '', hourMs)).toBe('changed');
    expect(await queue.changeVisibility(message?.receiptHandle ?? '', 1.1 * hourMs)).toBe('lost');
    await clock.advance(hourMs);
    expect((await take(queue))?.receiveCount).toBe(2);
  });

  it('loses a message 14 days after its send, however well it is renewed', async () => {
    const clock = manualClock();
    const queue = new MemoryJobQueue({ clock });
    await queue.send('old');
    let message = await take(queue, 12 * hourMs);
    for (let half = 0; half < 27; half++) {
      await clock.advance(12 * hourMs);
      message = await take(queue, 12 * hourMs);
      expect(message).toBeDefined();
    }
    await clock.advance(12 * hourMs);
    expect(await take(queue)).toBeUndefined();
    expect(await queue.changeVisibility(message?.receiptHandle ?? '', 1_000)).toBe('lost');
  });

  it('sets a message aside that was received too often, and goes on to the next', async () => {
    const queue = new MemoryJobQueue({ clock: manualClock(), receivesMax: 2 });
    await queue.send('poison');
    for (let count = 1; count <= 2; count++) expect((await take(queue, 0))?.receiveCount).toBe(count);
    await queue.send('good');
    expect((await take(queue))?.body).toBe('good');
    expect(await queue.deadLetters({ limit: 10 })).toMatchObject([
      { excerpt: 'poison', reason: undefined, receiveCount: 2 },
    ]);
  });

  it('calls a message lost whose time is over, though nobody has received it again', async () => {
    const clock = manualClock();
    const queue = new MemoryJobQueue({ clock });
    await queue.send('slow');
    const message = await take(queue, 1_000);
    await clock.advance(1_000);
    expect(await queue.changeVisibility(message?.receiptHandle ?? '', 60_000)).toBe('lost');
  });

  it('does not show hidden messages because the wall clock jumps', async () => {
    const clock = manualClock();
    const queue = new MemoryJobQueue({ clock });
    await queue.send('hidden');
    await take(queue);
    clock.jump(24 * hourMs);
    expect(await take(queue)).toBeUndefined();
  });

  it('leaves no sleeper behind when a receive ends early', async () => {
    const clock = manualClock();
    const queue = new MemoryJobQueue({ clock });
    const pending = queue.receive({ waitMs: 20_000, visibilityMs: 1_000 });
    await queue.send('now');
    expect((await pending)?.body).toBe('now');
    expect(clock.sleepers).toBe(0);
  });

  it('refuses a delay that SQS would refuse', async () => {
    const queue = new MemoryJobQueue({ clock: manualClock() });
    await expect(queue.send('x', { delayMs: 900_001 })).rejects.toThrow('15 minutes');
    await expect(queue.send('x', { delayMs: -1 })).rejects.toThrow('15 minutes');
  });
});
