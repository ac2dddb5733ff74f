import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Position } from '../../../lib/contract/trainer-document.ts';
import {
  checkedEvery,
  type DataOrder,
  dataOrder,
  dataShape,
  type DataShape,
  hasReached,
  isMultiple,
  startPosition,
  totalSteps,
} from '../../../lib/training/data-order.ts';
import { randomStreams } from '../../../lib/training/random-streams.ts';

const shape = (more: Partial<DataShape> = {}): DataShape => ({
  examples: 10,
  batchSize: 4,
  shuffle: true,
  lastBatch: 'keep',
  ...more,
});
const orderOf = (more: Partial<DataShape> = {}, seed = 1): DataOrder =>
  dataOrder(shape(more), randomStreams(seed));

/** Indices of each epoch, walked from the start; `restart` may replace the order at any step, as a resume does. */
function walk(
  order: DataOrder,
  steps: number,
  restart: (step: number, at: DataOrder) => DataOrder = (_, at) => at,
): {
  epochs: number[][];
  position: Position;
} {
  const epochs: number[][] = [];
  let current = order;
  let position = startPosition;
  for (let step = 0; step < steps; step++) {
    current = restart(step, current);
    (epochs[position.epoch] ??= []).push(...current.indicesAt(position));
    position = current.after(position);
  }
  return { epochs, position };
}

const shapes = fc.record({
  examples: fc.integer({ min: 1, max: 60 }),
  batchSize: fc.integer({ min: 1, max: 70 }),
  shuffle: fc.boolean(),
  lastBatch: fc.constantFrom('keep' as const, 'drop' as const),
  seed: fc.integer(),
});

describe('the order of the data', () => {
  it('shows every example exactly once an epoch, for any batch size (property)', () => {
    fc.assert(
      fc.property(shapes, ({ seed, ...given }) => {
        const { examples, batchSize, lastBatch } = given;
        fc.pre(lastBatch === 'keep' || batchSize <= examples);
        const order = dataOrder(given, randomStreams(seed));
        const { epochs } = walk(order, 3 * order.stepsPerEpoch);
        expect(epochs).toHaveLength(3);
        const seen = lastBatch === 'keep' ? examples : examples - (examples % batchSize);
        for (const epoch of epochs) {
          expect(epoch).toHaveLength(seen);
          expect(new Set(epoch).size).toBe(seen);
          expect(Math.max(...epoch)).toBeLessThan(examples);
        }
      }),
    );
  });

  it('goes on alike after a resume at any step (property)', () => {
    fc.assert(
      fc.property(shapes, fc.func(fc.boolean()), ({ seed, ...given }, isKilled) => {
        fc.pre(given.lastBatch === 'keep' || given.batchSize <= given.examples);
        const make = (): DataOrder => dataOrder(given, randomStreams(seed));
        const steps = 2 * make().stepsPerEpoch + 1;
        const whole = walk(make(), steps);
        expect(walk(make(), steps, (step, order) => (isKilled(step) ? make() : order))).toEqual(whole);
      }),
    );
  });

  it('skips and repeats nothing of an epoch when a fork changes the batch size in it (property)', () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(sizes, fc.integer({ min: 1, max: 60 }), (batchSizes, examples) => {
        const streams = randomStreams(4);
        const seen: number[] = [];
        let position: Position = startPosition;
        for (const batchSize of batchSizes) {
          const order = dataOrder(shape({ examples, batchSize }), streams);
          position = order.settled(position);
          if (position.epoch > 0) break;
          seen.push(...order.indicesAt(position));
          position = order.after(position);
        }
        const permutation = Array.from(streams.order(0).permutation(examples));
        expect(seen).toEqual(permutation.slice(0, seen.length));
        if (position.epoch > 0) expect(seen).toHaveLength(examples);
        else expect(position.example).toBe(seen.length);
      }),
    );
  });

  it('is another permutation in each epoch and for each seed, and the natural one without shuffle', () => {
    const { epochs } = walk(orderOf({ examples: 30 }), 16);
    expect(epochs[0]).not.toEqual(epochs[1]);
    expect(walk(orderOf({ examples: 30 }, 2), 8).epochs[0]).not.toEqual(epochs[0]);
    const natural = walk(orderOf({ shuffle: false }), 6).epochs;
    expect(natural).toEqual([0, 1].map(() => [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]));
  });

  it('gives each caller its own copy of the indices', () => {
    const order = orderOf();
    const first = order.indicesAt(startPosition);
    const before = Array.from(first);
    first.fill(0);
    expect(Array.from(order.indicesAt(startPosition))).toEqual(before);
  });

  it('may be asked for epochs in any order, as loading ahead does', () => {
    const order = orderOf();
    const at = (epoch: number): number[] => Array.from(order.indicesAt({ step: 0, epoch, example: 0 }));
    const [zero, one, five] = [at(0), at(1), at(5)];
    expect([at(5), at(0), at(1)]).toEqual([five, zero, one]);
  });

  it('moves a place that is too near to the end to the next epoch, when short batches are dropped', () => {
    const order = orderOf({ examples: 10, batchSize: 6, lastBatch: 'drop' });
    expect(order.settled({ step: 3, epoch: 2, example: 5 })).toEqual({ step: 3, epoch: 3, example: 0 });
    expect(order.settled({ step: 3, epoch: 2, example: 4 })).toEqual({ step: 3, epoch: 2, example: 4 });
    expect(order.after(startPosition)).toEqual({ step: 1, epoch: 1, example: 0 });
  });

  it('counts steps alone where there is no data', () => {
    const order = dataOrder(null, randomStreams(1));
    expect(order.after({ step: 4, epoch: 0, example: 0 })).toEqual({ step: 5, epoch: 0, example: 0 });
    expect(order.indicesAt(startPosition)).toHaveLength(0);
  });
});

describe('dataShape', () => {
  it('fills in the defaults', () => {
    expect(dataShape({ examples: 5, batchSize: 2 })).toEqual({
      examples: 5,
      batchSize: 2,
      shuffle: true,
      lastBatch: 'keep',
    });
  });

  it.each([
    [{ examples: 0, batchSize: 2 }, /data\.examples must be a whole number above 0, not 0/],
    [{ examples: 3, batchSize: 0.5 }, /data\.batchSize must be/],
    [{ examples: 3, batchSize: NaN }, /data\.batchSize must be/],
    [{ examples: 3, batchSize: 4, lastBatch: 'drop' as const }, /no batch at all/],
  ])('refuses %j', (data, message) => {
    expect(() => dataShape(data)).toThrow(message);
  });
});

describe('the end', () => {
  it('is reached by steps or by epochs', () => {
    expect(hasReached({ steps: 5 }, { step: 4, epoch: 9, example: 0 })).toBe(false);
    expect(hasReached({ steps: 5 }, { step: 5, epoch: 0, example: 0 })).toBe(true);
    expect(hasReached({ epochs: 2 }, { step: 99, epoch: 1, example: 3 })).toBe(false);
    expect(hasReached({ epochs: 2 }, { step: 6, epoch: 2, example: 0 })).toBe(true);
  });

  it('is told in steps from any place', () => {
    const order = orderOf();
    expect(totalSteps({ steps: 7 }, order, startPosition)).toBe(7);
    expect(totalSteps({ epochs: 2 }, order, startPosition)).toBe(6);
    expect(totalSteps({ epochs: 2 }, order, { step: 2, epoch: 0, example: 8 })).toBe(6);
    // A fork took batches of five before: two steps of four are left of this epoch.
    expect(totalSteps({ epochs: 2 }, order, { step: 1, epoch: 0, example: 5 })).toBe(6);
    expect(totalSteps({ epochs: 1 }, order, { step: 6, epoch: 2, example: 0 })).toBe(6);
  });

  it('refuses epochs without data, and numbers that are no counts', () => {
    expect(() => checkedEvery('until', { epochs: 2 }, false)).toThrow(
      /until counts epochs, but the training has no data/,
    );
    expect(() => checkedEvery('until', { steps: 0 }, true)).toThrow(/until\.steps must be/);
    expect(() => checkedEvery('evaluateEvery', { epochs: 1.5 }, true)).toThrow(
      /evaluateEvery\.epochs must be/,
    );
  });
});

describe('isMultiple', () => {
  it('is true after every n-th step, and at the end of every n-th epoch, never at the start', () => {
    expect(isMultiple({ steps: 3 }, startPosition)).toBe(false);
    expect(isMultiple({ steps: 3 }, { step: 6, epoch: 0, example: 0 })).toBe(true);
    expect(isMultiple({ steps: 3 }, { step: 7, epoch: 0, example: 0 })).toBe(false);
    expect(isMultiple({ epochs: 2 }, startPosition)).toBe(false);
    expect(isMultiple({ epochs: 2 }, { step: 6, epoch: 2, example: 0 })).toBe(true);
    expect(isMultiple({ epochs: 2 }, { step: 7, epoch: 2, example: 4 })).toBe(false);
    expect(isMultiple({ epochs: 2 }, { step: 9, epoch: 3, example: 0 })).toBe(false);
  });
});
