import { expect, it } from 'vitest';
import { TokenBucket } from '../../../bench/sink/token-bucket.ts';
import { manualClock } from '../../support/manual-clock.ts';

it('lets bytes pass at the speed of the line, whatever pieces they come in', async () => {
  const clock = manualClock();
  const bucket = new TokenBucket({ clock, bytesPerSecond: 1_000_000, burstBytes: 0 });
  let sent = 0;
  const startedMs = clock.monotonicMs();
  for (const piece of [1_000, 250_000, 3, 748_997, 500_000]) {
    sent += piece;
    await clock.advance(bucket.take(piece));
  }
  expect(clock.monotonicMs() - startedMs).toBeCloseTo(sent / 1_000, 5);
});

it('shares the line between connections that wait at the same time', () => {
  const clock = manualClock();
  const bucket = new TokenBucket({ clock, bytesPerSecond: 1_000_000, burstBytes: 0 });
  expect(bucket.take(100_000)).toBeCloseTo(100, 5);
  expect(bucket.take(100_000)).toBeCloseTo(200, 5);
});

it('lets a burst pass after a rest, and no more than that', async () => {
  const clock = manualClock();
  const bucket = new TokenBucket({ clock, bytesPerSecond: 1_000_000, burstBytes: 50_000 });
  await clock.advance(60_000);
  expect(bucket.take(50_000)).toBe(0);
  expect(bucket.take(10_000)).toBeCloseTo(10, 5);
});
