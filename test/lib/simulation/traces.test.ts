import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { drawReport } from '../../../lib/simulation/draw-report.ts';
import { generateTraces } from '../../../lib/simulation/generate-traces.ts';
import { parseTrace } from '../../../lib/simulation/parse-trace.ts';
import { readTraces } from '../../../lib/simulation/read-traces.ts';
import { simulateFleet, tellTrace } from '../../../lib/simulation/simulate.ts';
import { meanUpSeconds, type Trace } from '../../../lib/simulation/trace.ts';
import { roundOptions } from '../../support/simulated-options.ts';
import { tempDir } from '../../support/temp-dir.ts';

const ticks = (data: readonly unknown[], more: object = {}): string =>
  JSON.stringify({ metadata: { gap_seconds: 600 }, data, ...more });

const intervalsOf = ([trace]: readonly Trace[]): ReadonlyArray<readonly [number, number, string]> =>
  (trace?.intervals ?? []).map(({ fromSeconds, toSeconds, end }) => [fromSeconds, toSeconds, end] as const);

describe('a recording in ticks', () => {
  it('holds what it is told that a 1 means', () => {
    const text = ticks([0, 1, 1, 0, 1]);
    const there = parseTrace({ name: 'a.json', text }, 'available');
    expect(intervalsOf(there.traces)).toEqual([
      [600, 1_800, 'interrupted'],
      [2_400, 3_000, 'open'],
    ]);
    const gone = parseTrace({ name: 'a.json', text }, 'unavailable');
    expect(intervalsOf(gone.traces)).toEqual([
      [0, 600, 'interrupted'],
      [1_800, 2_400, 'interrupted'],
    ]);
  });

  it('is refused where it does not tell, and nobody else does', () => {
    expect(() => parseTrace({ name: 'a.json', text: ticks([0, 1]) })).toThrow(
      /a\.json does not tell whether 1 means/,
    );
  });

  it('is known by its source to mean unavailable, and says so', () => {
    const { traces, note } = parseTrace({
      name: 'a.json',
      text: ticks([1, 0], { original_trace: 'b.json' }),
    });
    expect(intervalsOf(traces)).toEqual([[600, 1_200, 'open']]);
    expect(note).toMatch(/1 was taken to mean unavailable/);
  });

  it('is known by numbers above 1 to count machines, one slot for each', () => {
    const { traces } = parseTrace({ name: 'a.json', text: ticks([2, 1, 0]) });
    expect(traces.map(({ name }) => name)).toEqual(['a.json#1', 'a.json#2']);
    expect(traces.map(({ intervals }) => intervals[0]?.toSeconds)).toEqual([1_200, 600]);
  });

  it.each([
    [ticks([0, -1]), /a\.json `data\[1\]` is no number of machines/],
    [ticks([]), /`data` is no list/],
    ['{"data": [0]}', /gap_seconds` is no number/],
    ['{\n"data": [0 1]\n}', /a\.json, line 2 is no JSON/],
    ['', /is empty/],
  ])('names what is wrong with %j', (text, message) => {
    expect(() => parseTrace({ name: 'a.json', text }, 'available')).toThrow(message);
  });
});

describe('a recording of machines by name', () => {
  it('gives a machine that comes the first slot that is free', () => {
    const text = '1000,add,a\n1000,add,b\n61000,remove,a\n121000,add,c\n181000,remove,c\n';
    const { traces } = parseTrace({ name: 'm.csv', text });
    expect(traces).toHaveLength(2);
    expect(intervalsOf(traces)).toEqual([
      [0, 60, 'interrupted'],
      [120, 180, 'interrupted'],
    ]);
    expect(intervalsOf(traces.slice(1))).toEqual([[0, 180, 'open']]);
  });

  it.each([
    ['0,add,a\n0,add,a\n', /m\.csv, line 2 adds a, which is there already/],
    ['0,add,a\n\n5,remove,b\n', /m\.csv, line 3 removes b, which is not there/],
    ['9,add,a\n5,remove,a\n', /m\.csv, line 2 is earlier/],
    ['0,add,a\n5,vanish,a\n', /m\.csv, line 2 is not `milliseconds/],
  ])('names the line that is wrong in %j', (text, message) => {
    expect(() => parseTrace({ name: 'm.csv', text })).toThrow(message);
  });
});

describe('a recording of numbers of machines', () => {
  it('lets a line correct what was said of a later time', () => {
    const text =
      '2021-12-10, 13:00:00, 1\n2021-12-10, 13:10:00, 1\n2021-12-10, 13:05:00, 0\n2021-12-10, 13:20:00, 1\n2021-12-10, 13:30:00, 1\n';
    expect(intervalsOf(parseTrace({ name: 'c.txt', text }).traces)).toEqual([
      [0, 300, 'interrupted'],
      [1_200, 1_800, 'open'],
    ]);
  });

  it('names the line that is none', () => {
    const text = '2021-12-10, 13:00:00, 1\n2021-12-10, noon, 1\n';
    expect(() => parseTrace({ name: 'c.txt', text })).toThrow(/c\.txt, line 2 is neither/);
  });
});

describe('files and folders', () => {
  it('are read in order of name, with their notes once', async () => {
    const dir = tempDir();
    await mkdir(join(dir, 'below'));
    const text = ticks([0, 1, 0], { original_trace: 'x' });
    for (const name of ['b.json', 'a.json', join('below', 'c.json')]) await writeFile(join(dir, name), text);
    await writeFile(join(dir, 'LICENSE'), 'do as you like');
    const { traces, notes } = await readTraces([dir]);
    expect(traces.map(({ name }) => name)).toEqual(['a.json', 'b.json', join('below', 'c.json')]);
    expect(notes).toHaveLength(1);
  });

  it('must be there, and hold a recording', async () => {
    await expect(readTraces([join(tempDir(), 'nowhere.json')])).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(readTraces([tempDir()])).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });
});

describe('traces that are drawn by chance', () => {
  it('have the published quartiles, and are the same for the same seed', () => {
    const traces = generateTraces({ count: 40, days: 60, seed: 7 });
    const minutes = traces
      .flatMap(({ intervals }) =>
        intervals.map(({ fromSeconds, toSeconds }) => (toSeconds - fromSeconds) / 60),
      )
      .toSorted((one, other) => one - other);
    const quantile = (share: number): number => minutes[Math.floor(share * minutes.length)] ?? 0;
    expect(quantile(0.25)).toBeGreaterThan(9);
    expect(quantile(0.25)).toBeLessThan(11);
    expect(quantile(0.5)).toBeGreaterThan(27);
    expect(quantile(0.5)).toBeLessThan(33);
    expect(quantile(0.75)).toBeGreaterThan(90);
    expect(quantile(0.75)).toBeLessThan(110);
    expect((meanUpSeconds(traces) ?? 0) / 60).toBeGreaterThan(130);
    expect(generateTraces({ count: 2, seed: 7 })).toEqual(generateTraces({ count: 2, seed: 7 }));
    expect(generateTraces({ count: 2, seed: 8 })).not.toEqual(generateTraces({ count: 2, seed: 7 }));
  });
});

describe('a fleet', () => {
  const traces = generateTraces({ count: 2, days: 3, seed: 3 });
  const options = roundOptions({ missedShare: 0.3, repeats: 2 });

  it('is pooled over its traces, names the worst, and is the same for the same seed', () => {
    const report = simulateFleet(traces, options);
    const [ours] = report.policies;
    expect(ours?.policy).toBe('holdfast');
    const useful = ours?.traces.reduce((sum, { usefulSeconds }) => sum + usefulSeconds, 0) ?? 0;
    const oracle = ours?.traces.reduce((sum, { oracleSeconds }) => sum + oracleSeconds, 0) ?? 1;
    expect(ours?.ofOracle).toBeCloseTo(useful / oracle);
    expect(ours?.worst?.ofOracle).toBe(Math.min(...(ours?.traces.map(({ ofOracle }) => ofOracle) ?? [])));
    expect(ours?.silent).toBeGreaterThan(0);
    expect(simulateFleet(traces, options)).toEqual(report);
    expect(simulateFleet(traces, { ...options, seed: 2 })).not.toEqual(report);
    for (const { ofOracle } of report.policies.slice(-2)) expect(ofOracle).toBeLessThan(ours?.ofOracle ?? 0);
  });

  it('is drawn with every policy, its worst trace and no number that is none', () => {
    const report = simulateFleet(traces, options);
    const told = tellTrace(traces, 0, options);
    const [trace] = traces;
    if (trace === undefined || told === undefined) throw new Error('there are traces');
    const svg = drawReport(report, { trace: { ...trace, name: '<a & b>' }, spans: told.spans });
    for (const { policy } of report.policies) expect(svg).toContain(`>${policy}</text>`);
    expect(svg).toContain('prefers-color-scheme: dark');
    expect(svg).toContain('worst: generated-');
    expect(svg).toContain('&lt;a &amp; b&gt;');
    expect(svg).not.toMatch(/NaN|undefined|Infinity/);
  });
});
