import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { NotFoundError, UsageError } from '../../../lib/base/errors.ts';
import { loadSweep } from '../../../lib/client/load-sweep.ts';
import { readSweep } from '../../../lib/client/read-sweep.ts';
import { runSweep } from '../../../lib/client/run-sweep.ts';
import { sweepPoints } from '../../../lib/client/sweep-points.ts';
import { type SweepDocument, sweepSchema } from '../../../lib/contract/sweep-document.ts';
import { ForkWorld, inspect, parentId } from '../../support/fork-world.ts';
import { tempDir } from '../../support/temp-dir.ts';
import { keysUnder, save, text } from '../checkpoint/files.ts';

const aSweep = (facts: object = {}): SweepDocument & { readonly name: string } => ({
  ...sweepSchema.parse({ format: 1, from: `${parentId}@20`, grid: { learningRate: [0.1, 0.2] }, ...facts }),
  name: 'lr',
});

async function loaded(document: unknown): Promise<Awaited<ReturnType<typeof loadSweep>>> {
  const folder = tempDir();
  writeFileSync(join(folder, 'lr.json'), typeof document === 'string' ? document : JSON.stringify(document));
  return loadSweep('lr.json', folder);
}

const random = (params: object, more: object = {}): object => ({
  grid: undefined,
  random: { count: 200, seed: 7, params, ...more },
});

describe('the points of a sweep', () => {
  it('are all combinations of the grid, the last parameter changing fastest', () => {
    const points = sweepPoints(aSweep({ grid: { units: [8, 16], learningRate: [0.1, 0.2, 0.3] } }));
    expect(points.map(({ values }) => Object.values(values))).toEqual([
      [8, 0.1],
      [8, 0.2],
      [8, 0.3],
      [16, 0.1],
      [16, 0.2],
      [16, 0.3],
    ]);
    expect(points[0]?.name).toBe('lr units=8 learningRate=0.1');
    expect(points[0]?.jobId).toMatch(/^lr-[0-9a-f]{15}$/);
  });

  it('are the same for the same file, and each is another job', () => {
    const sweep = aSweep(random({ learningRate: { log: [1e-5, 1e-2] } }));
    expect(sweepPoints(sweep)).toEqual(sweepPoints(sweep));
    const ids = sweepPoints(aSweep({ grid: { a: [1, 2, '1', true], b: [1, 2] } })).map(({ jobId }) => jobId);
    expect(new Set(ids).size).toBe(8);
    // Golden: whoever changes how ids are made doubles the jobs of every sweep that is repeated.
    expect(ids[0]).toBe(sweepPoints(aSweep({ grid: { b: [1], a: [1] } }))[0]?.jobId);
    expect(sweepPoints(aSweep())[0]?.jobId).toBe('lr-69d491ac01f3f80');
  });

  it('stay what they were when others are added, and change with all that makes them', () => {
    const ids = (facts: object): readonly string[] => sweepPoints(aSweep(facts)).map(({ jobId }) => jobId);
    const before = ids({ ...random({ a: { uniform: [0, 1] } }, { count: 3 }), grid: { b: [1] } });
    const more = ids({ ...random({ a: { uniform: [0, 1] } }, { count: 5 }), grid: { b: [2, 1] } });
    expect(more).toHaveLength(10);
    expect(more).toEqual(expect.arrayContaining([...before]));
    const [first] = ids({});
    for (const other of [{ seed: 2 }, { set: { units: 4 } }, { from: `${parentId}@30` }])
      expect(ids(other)).not.toContain(first);
  });

  it('are drawn from the whole span: evenly, or evenly in the logarithm, or from a list', () => {
    const points = sweepPoints(
      aSweep(
        random({ even: { uniform: [-1, 1] }, rate: { log: [1e-4, 1] }, pick: { choice: ['a', 'b', 'c'] } }),
      ),
    );
    const drawn = (name: string): number[] => points.map(({ values }) => Number(values[name]));
    expect(points).toHaveLength(200);
    for (const value of drawn('even')) expect(Math.abs(value)).toBeLessThanOrEqual(1);
    expect(drawn('even').filter((value) => value < 0).length).toBeGreaterThan(70);
    expect(drawn('even').filter((value) => value >= 0).length).toBeGreaterThan(70);
    const decades = drawn('rate').map((value) => Math.floor(Math.log10(value)));
    for (const decade of [-4, -3, -2, -1])
      expect(decades.filter((one) => one === decade).length).toBeGreaterThan(30);
    const picks = points.map(({ values }) => values['pick']);
    for (const pick of ['a', 'b', 'c'])
      expect(picks.filter((one) => one === pick).length).toBeGreaterThan(40);
    expect(new Set(drawn('even')).size).toBeGreaterThan(150);
  });
});

describe('the file of a sweep', () => {
  const good = { format: 1, from: 'job@20', grid: { lr: [1] } };

  it.each<[string, unknown, string]>([
    ['no JSON', '{', 'lr.json is not JSON'],
    ['a newer format', { ...good, format: 2 }, 'format'],
    ['an empty grid', { ...good, grid: { lr: [] } }, 'grid.lr'],
    ['a value that is none', { ...good, grid: { lr: [null] } }, 'grid.lr.0'],
    ['a misspelled member', { ...good, grids: {} }, 'grids'],
    ['neither origin nor program', { format: 1, grid: { lr: [1] } }, 'needs either from or program'],
    ['both', { ...good, program: 'train.ts' }, 'needs either from or program'],
    ['no points', { format: 1, from: 'job@20' }, 'needs grid, random or both'],
    ['a parameter twice', { ...good, set: { lr: 1 } }, 'lr: is given for all points'],
    [
      'a span upside down',
      { ...good, random: { count: 1, params: { a: { uniform: [1, 0] } } } },
      'random.params.a',
    ],
    [
      'a logarithm of zero',
      { ...good, random: { count: 1, params: { a: { log: [0, 1] } } } },
      'random.params.a',
    ],
    ['a moving origin', { ...good, from: 'job@latest' }, 'after the next save'],
    ['an origin without a step', { ...good, from: 'job' }, 'after the next save'],
  ])('is refused with %s, and the message says where', async (_, document, message) => {
    const loading = loaded(document);
    await expect(loading).rejects.toThrow(UsageError);
    await expect(loading).rejects.toThrow(message);
    await expect(loading).rejects.toThrow('lr.json');
  });

  it('is refused when it is not there', async () => {
    await expect(loadSweep('none.json', tempDir())).rejects.toThrow('there is no file none.json');
  });
});

describe('a sweep over forks', () => {
  it('makes a fork of each point, and nothing more when it is run again', async () => {
    const world = await ForkWorld.withParent();
    const sweep = await loaded({
      format: 1,
      from: `${parentId}@20`,
      set: { units: 4 },
      grid: { learningRate: [0.1, 0.01] },
    });
    const first = await runSweep(world.region(), sweep, { inspect });
    expect(first.map(({ outcome }) => outcome)).toEqual(['queued', 'queued']);
    const before = (await keysUnder(world.store, 'jobs/')).filter((key) => key.includes('/journal/'));
    const second = await runSweep(world.region(), sweep, { inspect });
    expect(second.map(({ outcome }) => outcome)).toEqual(['repeated', 'repeated']);
    const after = (await keysUnder(world.store, 'jobs/')).filter((key) => key.includes('/journal/'));
    expect(after).toEqual(before);
    const { state } = await world.journal(first[1]?.jobId ?? '');
    expect(state).toMatchObject({ name: 'lr learningRate=0.01', forkedFrom: { jobId: parentId, step: 20 } });
  });

  it('checks all points before it makes the first', async () => {
    const world = await ForkWorld.withParent();
    const before = await keysUnder(world.store, '');
    const wrong = await loaded({ format: 1, from: `${parentId}@20`, grid: { learningRate: [0.1, 'fast'] } });
    await expect(runSweep(world.region(), wrong, { inspect })).rejects.toThrow(UsageError);
    const nowhere = await loaded({ format: 1, from: `${parentId}@25`, grid: { learningRate: [0.1] } });
    await expect(runSweep(world.region(), nowhere, { inspect })).rejects.toThrow(NotFoundError);
    expect(await keysUnder(world.store, '')).toEqual(before);
  });

  it('asks before it makes more jobs than anybody would by hand', async () => {
    const world = await ForkWorld.withParent();
    const many = await loaded({
      format: 1,
      from: `${parentId}@20`,
      random: { count: 33, params: { learningRate: { uniform: [0, 1] } } },
    });
    await expect(runSweep(world.region(), many, { inspect })).rejects.toThrow('33 points');
    expect(await runSweep(world.region(), many, { inspect, dryRun: true })).toHaveLength(33);
    expect(await world.tickets()).toBe(0);
  });

  it('compares its points, the best first and those without a measurement last', async () => {
    const world = await ForkWorld.withParent();
    const sweep = await loaded({
      format: 1,
      from: `${parentId}@20`,
      grid: { learningRate: [0.1, 0.2, 0.3] },
      rank: { metric: 'accuracy', goal: 'max' },
    });
    expect((await readSweep(world.region(), sweep.document)).map(({ job }) => job)).toEqual([
      null,
      null,
      null,
    ]);
    const points = await runSweep(world.region(), sweep, { inspect });
    for (const [index, value] of [0.7, 0.9].entries()) {
      const claim = await world.claimed(points[index]?.jobId ?? '');
      const files = { 'a.bin': text('x') };
      const best = { metric: 'accuracy', value };
      await save({ store: world.store, claim, files, ordinal: 1, step: 40, best });
    }
    const standings = await readSweep(world.region(), sweep.document);
    expect(standings.map(({ values, score }) => [values['learningRate'], score])).toEqual([
      [0.2, 0.9],
      [0.1, 0.7],
      [0.3, null],
    ]);
    expect(standings[0]).toMatchObject({ job: { status: 'running', step: 40 }, best: { value: 0.9 } });
  });
});
