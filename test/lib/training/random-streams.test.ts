import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { UserProgramError } from '../../../lib/base/errors.ts';
import {
  createRng,
  installMathRandom,
  type MathRandom,
  randomStreams,
} from '../../../lib/training/random-streams.ts';

const draws = (rng: { next(): number }, count = 5): number[] =>
  Array.from({ length: count }, () => rng.next());

describe('createRng', () => {
  it('draws the same numbers for the same key, in any process and version', () => {
    // Written down once: another sequence would end every running job with other weights.
    expect(draws(createRng([1, 'setup']), 3)).toEqual(draws(createRng([1, 'setup']), 3));
    expect(draws(createRng([1, 'setup']), 3)).toEqual([
      0.6321555396093631, 0.12831547329911164, 0.33038635115127013,
    ]);
  });

  it('draws other numbers for every other seed, purpose, epoch and step; 0 is an ordinary seed', () => {
    const keys = [
      [0, 'step', 0],
      [1, 'step', 0],
      [0, 'step', 1],
      [0, 'setup'],
      [0, 'order', 0],
      [-1, 'step', 0],
    ];
    const firsts = keys.map((key) => createRng(key).next());
    expect(new Set(firsts).size).toBe(keys.length);
    // Number 1 and text "1" are different keys.
    expect(createRng([1]).next()).not.toBe(createRng(['1']).next());
  });

  it('has 53 random bits, uniform in [0, 1)', () => {
    const rng = createRng([7, 'bits']);
    const values = draws(rng, 20_000);
    expect(Math.min(...values)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...values)).toBeLessThan(1);
    expect(values.reduce((sum, value) => sum + value) / values.length).toBeCloseTo(0.5, 1);
    expect(values.some((value) => (value * 2 ** 53) % 2 === 1)).toBe(true);
    expect(values.every((value) => Number.isInteger(value * 2 ** 53))).toBe(true);
  });

  it('draws whole numbers below the bound, each about as often', () => {
    const rng = createRng([3, 'int']);
    const counts = [0, 0, 0, 0, 0];
    for (let i = 0; i < 5_000; i++) counts[rng.int(5)]!++;
    for (const count of counts) expect(Math.abs(count - 1_000)).toBeLessThan(150);
    expect(rng.int(1)).toBe(0);
  });

  it.each([0, -1, 1.5, NaN, 2 ** 33])('refuses the bound %d', (bound) => {
    expect(() => createRng([1]).int(bound)).toThrow(UserProgramError);
  });

  it('draws normal numbers with mean 0 and variance 1', () => {
    const rng = createRng([5, 'normal']);
    const values = Array.from({ length: 20_000 }, () => rng.normal());
    const mean = values.reduce((sum, value) => sum + value) / values.length;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
    expect(Math.abs(mean)).toBeLessThan(0.03);
    expect(Math.abs(variance - 1)).toBeLessThan(0.05);
    expect(values.every(Number.isFinite)).toBe(true);
  });

  it('permutes: every number exactly once, in another order than they came', () => {
    const order = createRng([2, 'order', 0]).permutation(1_000);
    expect(Array.from(order.toSorted())).toEqual(Array.from({ length: 1_000 }, (_, at) => at));
    expect(Array.from(order.slice(0, 5))).not.toEqual([0, 1, 2, 3, 4]);
    expect(createRng([1]).permutation(0)).toEqual(new Uint32Array(0));
    expect(createRng([1]).permutation(1)).toEqual(new Uint32Array([0]));
  });

  it('gives all permutations of three about as often', () => {
    const counts = new Map<string, number>();
    for (let i = 0; i < 3_000; i++) {
      const name = createRng([i]).permutation(3).join('');
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    expect([...counts.keys()].toSorted()).toEqual(['012', '021', '102', '120', '201', '210']);
    for (const count of counts.values()) expect(Math.abs(count - 500)).toBeLessThan(110);
  });

  it('forks into generators that do not depend on what was drawn before', () => {
    const rng = createRng([1, 'step', 4]);
    const before = draws(rng.fork('augment', 3));
    draws(rng);
    expect(draws(rng.fork('augment', 3))).toEqual(before);
    expect(draws(rng.fork('augment', 4))).not.toEqual(before);
    expect(draws(rng)).not.toEqual(before);
  });
});

describe('randomStreams', () => {
  it('augments an example alike in whichever batch of its epoch it stands', () => {
    const streams = randomStreams(9);
    expect(draws(streams.load(2, 0).fork(17))).toEqual(draws(streams.load(2, 64).fork(17)));
    expect(draws(streams.load(2, 0).fork(17))).not.toEqual(draws(streams.load(3, 0).fork(17)));
    expect(draws(streams.load(2, 0))).not.toEqual(draws(streams.load(2, 64)));
  });
});

describe('installMathRandom', () => {
  let installed: MathRandom | undefined;
  afterEach(() => {
    installed?.uninstall();
    installed = undefined;
  });
  const install = (): MathRandom => (installed = installMathRandom());

  it('binds Math.random to the work, and leaves it alone outside', () => {
    const { run } = install();
    const inside = run(createRng([1]), () => [Math.random(), Math.random()]);
    expect(inside).toEqual(draws(createRng([1]), 2));
    expect([Math.random(), Math.random()]).not.toEqual(inside);
  });

  it('shares one sequence with `rng`, so that no number comes twice', () => {
    const { run } = install();
    const rng = createRng([1]);
    const mixed = run(rng, () => [Math.random(), rng.next(), Math.random()]);
    expect(mixed).toEqual(draws(createRng([1]), 3));
  });

  it('keeps work that runs at the same time apart, across awaits', async () => {
    const { run } = install();
    const work = async (key: string): Promise<number[]> =>
      run(createRng([key]), async () => {
        const values = [];
        for (let i = 0; i < 4; i++) {
          await (i % 2 === 0 ? turn() : null);
          values.push(Math.random());
        }
        return values;
      });
    const [one, other] = await Promise.all([work('one'), work('other')]);
    expect(one).toEqual(draws(createRng(['one']), 4));
    expect(other).toEqual(draws(createRng(['other']), 4));
  });

  it('lets the innermost work win', () => {
    const { run } = install();
    run(createRng(['outer']), () => {
      const first = Math.random();
      run(createRng(['inner']), () => expect(Math.random()).toBe(createRng(['inner']).next()));
      expect([first, Math.random()]).toEqual(draws(createRng(['outer']), 2));
    });
  });

  it('puts the real one back', () => {
    const real = Math.random;
    const { uninstall } = install();
    expect(Math.random).not.toBe(real);
    uninstall();
    expect(Math.random).toBe(real);
  });
});
