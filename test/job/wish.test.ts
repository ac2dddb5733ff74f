import { describe, expect, it } from 'vitest';
import { Wish } from '../../job/wish.ts';
import { TransientError } from '../../lib/base/errors.ts';
import { silentLog } from '../../lib/base/log.ts';
import { manualClock } from '../support/manual-clock.ts';

describe('a wish that comes just as the one before is carried out', () => {
  // The end of the pursuit takes a few turns of promises; a wish may fall between any two of them.
  it.each([0, 1, 2, 3, 4, 5, 6, 7, 8])('is carried out too, %i turns later', async (turns) => {
    const clock = manualClock();
    const done: string[] = [];
    const wish = new Wish<string>({
      name: 'test',
      isSame: (left, right) => left === right,
      clock,
      log: silentLog,
      async apply(value) {
        done.push(value);
        if (value === 'first') void wishLater();
      },
    });
    const wishLater = async (): Promise<void> => {
      for (let turn = 0; turn < turns; turn++) await Promise.resolve();
      wish.set('second');
    };
    wish.set('first');
    await clock.advance(0);
    expect(done).toEqual(['first', 'second']);
    await wish.close();
  });
});

it('a wish has all of its tries before it, however often the one before it failed', async () => {
  const clock = manualClock();
  const tries = { first: 0, second: 0 };
  const wish = new Wish<'first' | 'second'>({
    name: 'test',
    isSame: (left, right) => left === right,
    clock,
    log: silentLog,
    async apply(value) {
      tries[value] += 1;
      throw new TransientError('not now.');
    },
  });
  wish.set('first');
  await clock.advance(300_000);
  expect(tries.first).toBeGreaterThan(5);
  wish.set('second');
  await clock.advance(3_600_000);
  expect(tries.second).toBe(15);
  await wish.close();
});
