import { describe, expect, it } from 'vitest';
import { cosine } from '../../../lib/training/schedules.ts';

describe('cosine', () => {
  const rate = cosine({ peak: 1, steps: 110, warmup: 10, floor: 0.2 });

  it('grows in a line to the peak, and falls along half a cosine to the floor', () => {
    expect(rate(0)).toBeCloseTo(0.1, 12);
    expect(rate(9)).toBeCloseTo(1, 12);
    expect(rate(10)).toBeCloseTo(1, 12);
    expect(rate(60)).toBeCloseTo(0.6, 12);
    expect(rate(110)).toBeCloseTo(0.2, 12);
  });

  it('stays at the floor after the last step', () => {
    expect(rate(10_000)).toBeCloseTo(0.2, 12);
  });

  it('needs no warm-up, and takes a floor of 0 by default', () => {
    const plain = cosine({ peak: 2, steps: 4 });
    expect(plain(0)).toBe(2);
    expect(plain(4)).toBeCloseTo(0, 12);
  });
});
