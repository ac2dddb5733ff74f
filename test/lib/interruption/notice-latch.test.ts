import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../lib/base/random.ts';
import type { Notice } from '../../../lib/interruption/notice.ts';
import { NoticeLatch } from '../../../lib/interruption/notice-latch.ts';
import type { StopGrace } from '../../../lib/interruption/stop-time.ts';
import { manualClock } from '../../support/manual-clock.ts';

const spot = (remainingMs: number): Notice => ({
  kind: 'spot-interruption',
  action: 'terminate',
  at: new Date('2030-01-01T00:02:00Z'),
  remainingMs,
});
const terminated: Notice = { kind: 'target-lifecycle-state', state: 'Terminated' };
const sigterm: Notice = { kind: 'process-signal', signal: 'SIGTERM' };
const sigint: Notice = { kind: 'process-signal', signal: 'SIGINT' };
const rebalance: Notice = { kind: 'rebalance-recommendation', noticedAt: new Date('2030-01-01T00:00:00Z') };

const remaining = (notice: Notice, grace?: StopGrace): number | undefined => {
  const latch = new NoticeLatch({ clock: manualClock(), grace });
  latch.take(notice);
  return latch.stop?.deadline.remainingMs();
};

describe('NoticeLatch', () => {
  it('keeps the first deadline when the same notice comes again with a later one', async () => {
    const clock = manualClock();
    const latch = new NoticeLatch({ clock });
    expect(latch.take(spot(120_000))).toBe('stop');
    await clock.advance(30_000);
    expect(latch.take(spot(120_000))).toBe('nothing');
    expect(latch.stop?.deadline.remainingMs()).toBe(90_000);
  });

  it('lets a later notice shorten the time and names the one that did', async () => {
    const clock = manualClock();
    const latch = new NoticeLatch({ clock });
    latch.take(sigterm);
    await clock.advance(10_000);
    expect(latch.take(spot(20_000))).toBe('stop-sooner');
    expect(latch.stop?.notice.kind).toBe('spot-interruption');
    expect(latch.stop?.deadline.remainingMs()).toBe(20_000);
    expect(latch.stop?.noticedAtMonotonicMs).toBe(0);
  });

  it('shows a shortened time also to those who hold the first stop', () => {
    const latch = new NoticeLatch({ clock: manualClock() });
    latch.take(spot(100_000));
    const held = latch.stop;
    latch.take(spot(40_000));
    expect(held?.deadline.remainingMs()).toBe(40_000);
  });

  it('takes differences of less than a second for the noise of whole seconds, yet counts with the shorter time', () => {
    const latch = new NoticeLatch({ clock: manualClock() });
    latch.take(spot(100_000));
    expect(latch.take(spot(99_200))).toBe('nothing');
    expect(latch.stop?.deadline.remainingMs()).toBe(99_200);
    expect(latch.take(spot(98_900))).toBe('stop-sooner');
  });

  it('does not let the wall clock move a deadline', () => {
    const clock = manualClock();
    const latch = new NoticeLatch({ clock });
    latch.take(spot(100_000));
    clock.jump(3_600_000);
    expect(latch.stop?.deadline.remainingMs()).toBe(100_000);
  });

  it('leaves no time after a deadline has passed, never less than none', async () => {
    const clock = manualClock();
    const latch = new NoticeLatch({ clock });
    latch.take(spot(1_000));
    await clock.advance(5_000);
    expect(latch.stop?.deadline.remainingMs()).toBe(0);
  });

  it('gives two minutes after notices that name no time, or what it is told to give', () => {
    const grace = { targetLifecycleStateMs: 1, sigtermMs: 2, sigintMs: 3 };
    expect([terminated, sigterm, sigint].map((notice) => remaining(notice))).toEqual([
      120_000, 120_000, 120_000,
    ]);
    expect([terminated, sigterm, sigint].map((notice) => remaining(notice, grace))).toEqual([1, 2, 3]);
    expect(remaining(spot(50_000), grace)).toBe(50_000);
  });

  it('latches a rebalance recommendation once, and stops nothing for it', () => {
    const latch = new NoticeLatch({ clock: manualClock() });
    expect(latch.take(rebalance)).toBe('rebalance');
    expect(latch.take({ kind: 'rebalance-recommendation', noticedAt: new Date(0) })).toBe('nothing');
    expect(latch.rebalance).toBe(rebalance);
    expect(latch.stop).toBeUndefined();
  });

  it.each([1, 2, 3, 4, 5])(
    'never moves a deadline away, whatever comes in any order (seed %i)',
    async (seed) => {
      const random = seededRandom(seed);
      const clock = manualClock();
      const latch = new NoticeLatch({ clock });
      let deadline = Number.POSITIVE_INFINITY;
      for (let turn = 0; turn < 200; turn++) {
        await clock.advance(random.next() * 500);
        const notices = [spot(random.next() * 120_000), terminated, sigterm, rebalance];
        latch.take(notices[Math.floor(random.next() * notices.length)] ?? sigint);
        const next = latch.stop?.deadline.atMonotonicMs ?? Number.POSITIVE_INFINITY;
        expect(next, `seed ${seed}, turn ${turn}`).toBeLessThanOrEqual(deadline);
        deadline = next;
      }
      expect(deadline).toBeLessThan(Number.POSITIVE_INFINITY);
    },
  );
});
