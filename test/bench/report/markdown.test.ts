import { describe, expect, it } from 'vitest';
import { judge } from '../../../bench/harness/judge.ts';
import { atMost, type Finding } from '../../../bench/harness/row.ts';
import type { BenchDocument } from '../../../bench/report/document.ts';
import { barChart } from '../../../bench/report/bar-chart.ts';
import { figure } from '../../../bench/report/figures.ts';
import { markdownTable, performancePage } from '../../../bench/report/markdown.ts';
import { pictures } from '../../../bench/report/pictures.ts';

const result = (id: string, finding: Finding): ReturnType<typeof judge> =>
  judge({ id, title: `About ${id}`, unit: '×', peer: 'a peer', goal: atMost(1) }, finding);
const results = [
  result('is-met', { values: [0.5] }),
  result('not-here', { why: 'needs a GPU' }),
  result('not-met', { values: [2], raw: { productMs: 20, peerMs: 10 } }),
];
const document: BenchDocument = {
  schemaVersion: 1,
  at: '2026-11-05T10:00:00.000Z',
  quick: false,
  machine: { cpu: 'a cpu', cores: 2, memoryBytes: 24e9, node: 'v20.0.0', platform: 'linux-x64', kernel: '6' },
  results,
};

describe('what is not met', () => {
  it('is said first in the table, then what is not judged', () => {
    const rows = markdownTable(results).split('\n').slice(2);
    expect(rows.map((row) => /`([\w-]+)`/.exec(row)?.[1])).toEqual(['not-met', 'not-here', 'is-met']);
  });

  it('is said first on the page, with its explanation', () => {
    const page = performancePage(document, {
      explanations: { 'not-met': 'The line is full.' },
      pictures: [],
    });
    const [, first = ''] = page.split('## What is not met');
    expect(first.split('\n').find((line) => line.startsWith('- '))).toMatch(
      /`not-met`.*2\.000 ×.*The line is full\./,
    );
    expect(page.indexOf('not-met')).toBeLessThan(page.indexOf('is-met'));
    expect(page).toContain('needs a GPU');
  });
});

it('has a picture of what is judged, safe for any text, and light on dark', () => {
  const [goals] = pictures(results);
  expect(goals?.svg).toContain('not-met');
  expect(goals?.svg).toContain('prefers-color-scheme: dark');
  const bars = [{ label: 'a < b & "c"', value: 1, kind: 'ours' as const, text: '1' }];
  expect(barChart({ title: 't', bars })).toContain('a &lt; b &amp; &quot;c&quot;');
});

it('places bars on a scale of powers, where all of them can be told apart', () => {
  const bars = [0.01, 1, 100].map((value) => ({ label: 'x', value, kind: 'peer' as const, text: '' }));
  const widths = [...barChart({ title: 't', bars, scale: 'log' }).matchAll(/<rect[^>]* width="([\d.]+)"/g)];
  const [small = 0, middle = 0, large = 0] = widths.map(([, width]) => Number(width));
  expect(small).toBeGreaterThan(0);
  expect(large - middle).toBeCloseTo(middle - small, 0);
});

it('writes numbers with the digits that mean something', () => {
  expect([0.99, 1.0012, 12.345, 123.4, 0.0001, null].map(figure)).toEqual([
    '0.9900',
    '1.0012',
    '12.3',
    '123',
    '1.00e-4',
    '–',
  ]);
});
