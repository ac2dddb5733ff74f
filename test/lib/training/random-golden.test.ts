import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../../lib/base/random.ts';
import { randomStreams } from '../../../lib/training/random-streams.ts';

/** What seed 1 has given from the first day. Another value here means that every run of every user would change. */
describe('the numbers of a seed', () => {
  const streams = randomStreams(1);

  it.each([
    ['setup', streams.setup(), 0.6321555396093631, 128],
    ['order', streams.order(0), 0.4462494722326227, 219],
    ['load', streams.load(0, 0), 0.19495861141407356, 123],
    ['step', streams.step(0), 0.865869948765186, 873],
    ['evaluate', streams.evaluate(0), 0.9118084644567657, 986],
  ])('are what they have always been: %s', (_, rng, first, second) => {
    expect([rng.next(), rng.int(1_000)]).toEqual([first, second]);
  });

  it('give the order of an epoch that they have always given', () => {
    expect([...streams.order(0).permutation(8)]).toEqual([7, 6, 5, 4, 2, 0, 1, 3]);
  });

  it('give an example the same augmentation in any batch', () => {
    expect(streams.load(0, 0).fork(3).next()).toBe(0.4254202718823329);
    expect(streams.load(0, 32).fork(3).next()).toBe(0.4254202718823329);
    expect(streams.load(1, 0).fork(3).next()).not.toBe(0.4254202718823329);
  });

  it('repeat what a simulation did', () => {
    const draw = (seed: number): readonly number[] => {
      const random = seededRandom(seed);
      return Array.from({ length: 5 }, () => random.next());
    };
    expect(draw(7)).toEqual(draw(7));
    expect(draw(7)).not.toEqual(draw(8));
  });
});
