import { describe, expect, it } from 'vitest';
import { judge } from '../../../bench/harness/judge.ts';
import { atLeast, atMost, type Row } from '../../../bench/harness/row.ts';

const row: Row = { id: 'a-row', title: 'A row', unit: '×', peer: 'its peer', goal: atMost(1.05) };

it('judges by the median, and tells the worst beside it', () => {
  const result = judge(row, { values: [1, 1.04, 1.2] });
  expect(result).toMatchObject({ value: 1.04, median: 1.04, worst: 1.2, met: true, runs: 3, goal: 1.05 });
});

it('judges by the worst where a bound must always hold', () => {
  const result = judge({ ...row, judgedBy: 'worst' }, { values: [1, 1.04, 1.2] });
  expect(result).toMatchObject({ value: 1.2, met: false });
});

it('knows goals from below, whose worst is the smallest', () => {
  const result = judge({ ...row, goal: atLeast(0.997) }, { values: [0.999, 0.998, 0.9] });
  expect(result).toMatchObject({ value: 0.998, worst: 0.9, met: true, direction: 'at-least' });
});

it('lets a goal be met in another way', () => {
  const otherwise = { goal: '5 ms', isMet: true };
  expect(judge(row, { values: [3], otherwise })).toMatchObject({ met: true, otherwise: '5 ms' });
});

describe('where the machine is too noisy', () => {
  it('judges nothing, and says how noisy it is', () => {
    const result = judge(row, { values: [1.01], control: [0.8, 0.9, 1, 1.1, 1.2] });
    expect(result.met).toBeNull();
    expect(result.why).toMatch(/10\.0 % here, more than the 5\.0 %/);
  });

  it('judges where same against same is calm enough', () => {
    expect(judge(row, { values: [1.2], control: [0.99, 1, 1.01] }).met).toBe(false);
  });
});

it('keeps a row that could not be measured, with its reason', () => {
  expect(judge(row, { why: 'needs a GPU' })).toMatchObject({
    id: 'a-row',
    value: null,
    met: null,
    why: 'needs a GPU',
  });
});

it('never takes a figure that is no number for a success', () => {
  expect(judge(row, { values: [] }).met).toBeNull();
});

it('tells a figure without a goal, and which side is the worse', () => {
  const { goal: _, ...told } = row;
  expect(judge({ ...told, better: 'higher' }, { values: [1, 2, 3] })).toMatchObject({ met: null, worst: 1 });
});
