import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { seededRandom } from '../../../lib/base/random.ts';
import { bundleTestProgram } from '../../support/bundle.ts';
import { runInterrupted } from '../../support/interrupted-run.ts';
import { type CopiedCheckpoint, TrainerDriver } from '../../support/trainer-driver.ts';

let dir: string;
let program: string;
let reference: CopiedCheckpoint;
let middle: CopiedCheckpoint;
let late: CopiedCheckpoint;
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'trainer-kills-'));
  program = await bundleTestProgram('small-net', dir);
  const driver = new TrainerDriver({ program, dir, start: { save: { everySteps: 4 } } });
  reference = await driver.finish();
  // Both inside an epoch of ten steps; there are 120 in all.
  middle = insideEpoch(driver, 37, 110);
  late = insideEpoch(driver, 110, 120);
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

// Every round starts a process, which takes a second of a processor before it trains.
vi.setConfig({ testTimeout: 180_000, hookTimeout: 60_000, maxConcurrency: 2 });

describe.concurrent('a small net with one of everything', () => {
  it.each([1, 2])('ends identical after seven kills at random instants (seed %i)', async (seed) => {
    const random = seededRandom(seed);
    const { result, resumedFrom } = await runInterrupted(
      { program, dir, start: { save: { everySteps: 4 } } },
      { count: 7, random },
    );
    expect(result.digests, `resumed from ${resumedFrom.join(', ')}`).toEqual(reference.digests);
    // Kills that never hit a training under way would prove nothing.
    expect(new Set(resumedFrom).size).toBeGreaterThan(2);
  });
});

describe.concurrent('the comparison with the uninterrupted run', () => {
  const damages: Readonly<Record<string, (from: CopiedCheckpoint) => void>> = {
    nothing: () => {},
    'the position in the data': (from) =>
      editDocument(from, (document) => {
        Object.assign(at(document, 'position'), { example: 0 });
      }),
    'metric sums of the running epoch': (from) =>
      editDocument(from, (document) => {
        document['epochMetrics'] = {};
      }),
    'a plain object of the program': (from) =>
      editDocument(from, (document) => {
        Object.assign(at(document, 'state', 'counts', 'value'), { seen: 1 });
      }),
    'statistics of batch normalisation': (from) => zeroTensor(from, 'model.safetensors', 'norm/moving_mean'),
    "Adam's running product": (from) => zeroTensor(from, 'optimizer.safetensors', 'accBeta2'),
  };

  it.each(Object.entries(damages))('goes red when a checkpoint loses %s', async (what, damage) => {
    const from = copyOf(what.includes('running epoch') ? late : middle, what);
    damage(from);
    const result = await new TrainerDriver({ program, dir, from }).finish();
    if (what === 'nothing') expect(result.digests).toEqual(reference.digests);
    else expect(result.digests).not.toEqual(reference.digests);
  });
});

function insideEpoch(driver: TrainerDriver, after: number, before: number): CopiedCheckpoint {
  const found = driver.copies.find(({ step }) => step > after && step < before && step % 10 > 2);
  if (found === undefined) throw new Error('no checkpoint was taken inside an epoch');
  return found;
}

function copyOf(from: CopiedCheckpoint, name: string): CopiedCheckpoint {
  const copy = mkdtempSync(join(dir, 'damaged-'));
  for (const path of Object.keys(from.digests))
    writeFileSync(join(copy, path), readFileSync(join(from.dir, path)));
  return { ...from, id: name, dir: copy };
}

function editDocument(from: CopiedCheckpoint, edit: (document: Record<string, unknown>) => void): void {
  const path = join(from.dir, 'trainer.json');
  const document: Record<string, unknown> = JSON.parse(readFileSync(path, 'utf8'));
  edit(document);
  writeFileSync(path, JSON.stringify(document));
}

function at(value: object, ...path: readonly string[]): object {
  return path.reduce((inner, name) => {
    const next: unknown = Reflect.get(inner, name);
    if (typeof next !== 'object' || next === null) throw new Error(`the document has no ${path.join('.')}`);
    return next;
  }, value);
}

function zeroTensor(from: CopiedCheckpoint, file: string, name: string): void {
  const path = join(from.dir, file);
  const bytes = readFileSync(path);
  const headerBytes = Number(bytes.readBigUInt64LE(0));
  const header: Record<string, { data_offsets: [number, number] }> = JSON.parse(
    bytes.toString('utf8', 8, 8 + headerBytes),
  );
  const entry = Object.entries(header).find(([tensor]) => tensor.includes(name));
  if (entry === undefined) throw new Error(`${file} has no ${name}, only ${Object.keys(header).join(', ')}`);
  const [start, end] = entry[1].data_offsets;
  bytes.fill(0, 8 + headerBytes + start, 8 + headerBytes + end);
  writeFileSync(path, bytes);
}
