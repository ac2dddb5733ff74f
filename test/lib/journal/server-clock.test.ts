import { describe, expect, it } from 'vitest';
import { serverClock } from '../../../lib/journal/server-clock.ts';
import { hastyClock } from '../../support/journal-world.ts';
import { manualClock } from '../../support/manual-clock.ts';

const start = Date.parse('2030-01-01T00:00:00.000Z');
const at = (ms: number): Date => new Date(start + ms);
const wholeSecond = (ms: number): Date => at(Math.floor(ms / 1_000) * 1_000);

describe('the store\u2019s clock', () => {
  it('is our own until an answer has come', () => {
    expect(serverClock(hastyClock()).now()).toEqual(at(0));
  });

  it('corrects a clock that is behind', () => {
    const clock = serverClock(hastyClock());
    clock.observe(at(3_600_000));
    expect(clock.now()).toEqual(at(3_600_000));
  });

  it('corrects a clock that is ahead, to within the second that the answer names', () => {
    const own = hastyClock();
    own.pass(3_600_000);
    const clock = serverClock(own);
    clock.observe(at(0));
    expect(clock.now()).toEqual(at(999));
  });

  it('leaves a right clock alone, although answers tell whole seconds', () => {
    const own = hastyClock();
    const clock = serverClock(own);
    for (const ms of [0, 250, 999, 1_000, 1_750, 2_001, 5_900]) {
      own.pass(start + ms - own.now().getTime());
      clock.observe(wholeSecond(ms));
      expect(clock.now()).toEqual(at(ms));
    }
  });

  it('goes on evenly when our own wall clock is set between two answers', async () => {
    const own = manualClock(at(0));
    const clock = serverClock(own);
    clock.observe(at(0));
    await own.advance(2_000);
    own.jump(86_400_000);
    expect(clock.now()).toEqual(at(2_000));
    own.jump(-2 * 86_400_000);
    await own.advance(500);
    clock.observe(wholeSecond(2_500));
    expect(clock.now()).toEqual(at(2_500));
  });

  it('does not run back and forth with the fractions that answers leave out', () => {
    const own = hastyClock();
    own.pass(-600_000);
    const clock = serverClock(own);
    let last = 0;
    for (let ms = 0; ms < 20_000; ms += 333) {
      clock.observe(wholeSecond(ms));
      const now = clock.now().getTime();
      expect(now).toBeGreaterThanOrEqual(last);
      expect(Math.abs(now - start - ms)).toBeLessThanOrEqual(1_000);
      last = now;
      own.pass(333);
    }
  });
});
