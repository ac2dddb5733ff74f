import { describe, expect, it } from 'vitest';
import { createRng } from '../../../lib/training/random-streams.ts';
import { replayBuffer } from '../../../lib/training/replay-buffer.ts';
import { isSettled } from '../../../lib/training/settled-arrays.ts';

const filled = (capacity: number, rows: number) => {
  const buffer = replayBuffer(capacity, { at: 2, reward: 1 });
  for (let i = 0; i < rows; i++) buffer.push({ at: [i, -i], reward: i });
  return buffer;
};

describe('replayBuffer', () => {
  it('holds the last rows, and draws whole rows with replacement', () => {
    const buffer = filled(4, 7);
    expect(buffer.size).toBe(4);
    const { at, reward } = buffer.sample(50, createRng([1]));
    expect(new Set(reward)).toEqual(new Set([3, 4, 5, 6]));
    reward.forEach((value, row) => expect([at[2 * row], at[2 * row + 1]]).toEqual([value, -value]));
  });

  it('draws only from rows that were pushed', () => {
    expect(new Set(filled(100, 2).sample(40, createRng([1])).reward)).toEqual(new Set([0, 1]));
    expect(() => replayBuffer(3, { a: 1 }).sample(1, createRng([1]))).toThrow(/empty/);
  });

  it('goes on alike after save and load', () => {
    const one = filled(5, 8);
    const other = replayBuffer(5, { at: 2, reward: 1 });
    other.load(structuredClone(one.save()));
    for (const buffer of [one, other]) buffer.push({ at: [9, 9], reward: 9 });
    expect(other.sample(30, createRng([2]))).toEqual(one.sample(30, createRng([2])));
  });

  it('saves an instant: what is pushed later does not change it', () => {
    const buffer = filled(4, 2);
    const saved = buffer.save();
    const before = structuredClone(saved);
    for (let i = 0; i < 9; i++) buffer.push({ at: [50, 50], reward: 50 });
    expect(saved).toEqual(before);
  });

  it('copies only pages that were written since the last save', () => {
    const buffer = replayBuffer(400_000, { value: 1 });
    const first = buffer.save().pages['value'] ?? [];
    expect(first.length).toBeGreaterThan(3);
    expect(first.every(isSettled)).toBe(true);
    buffer.push({ value: 1 });
    const second = buffer.save().pages['value'] ?? [];
    expect(second.map((page, at) => page === first[at])).toEqual(first.map((_, at) => at !== 0));
  });

  it('refuses rows and checkpoints of another size', () => {
    const buffer = filled(4, 1);
    expect(() => buffer.push({ at: [1], reward: 1 })).toThrow(/column `at` takes 2 numbers a row, not 1/);
    expect(() => buffer.push({ at: 1, reward: 1 })).toThrow(/takes 2 numbers/);
    expect(() => buffer.load(filled(5, 1).save())).toThrow(/another size/);
    expect(() => replayBuffer(0, { a: 1 })).toThrow(/above 0/);
    expect(() => replayBuffer(2, { a: 1.5 })).toThrow(/column `a`/);
  });
});
