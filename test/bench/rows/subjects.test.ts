import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { judge } from '../../../bench/harness/judge.ts';
import type { Bench, Subject } from '../../../bench/harness/row.ts';
import { subjects } from '../../../bench/harness/subjects.ts';
import { codecs } from '../../../bench/rows/codecs.ts';
import { elsewhere } from '../../../bench/rows/elsewhere.ts';
import { goodput } from '../../../bench/rows/goodput.ts';
import { memory } from '../../../bench/rows/memory.ts';
import { newestCheckpoint } from '../../../bench/rows/newest-checkpoint.ts';
import { notice } from '../../../bench/rows/notice.ts';
import { pauseOf } from '../../../bench/rows/pause.ts';
import { storedBytes } from '../../../bench/rows/stored-bytes.ts';

const dir = mkdtempSync(join(tmpdir(), 'holdfast-bench-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));
const bench: Bench = {
  isQuick: true,
  runs: 1,
  dir,
  memoryDir: dir,
  entry: (name) => name,
  say() {},
};

it('names every row in kebab-case, and once', () => {
  const known: Subject[] = [pauseOf('wasm'), pauseOf('cpu'), codecs, elsewhere, goodput, memory];
  known.push(newestCheckpoint, notice, storedBytes);
  const ids = known.flatMap(({ rows }) => rows.map(({ id }) => id));
  expect(new Set(ids).size).toBe(ids.length);
  for (const id of ids) expect(id).toMatch(/^[a-z][a-z0-9]*(-[a-z0-9.]+)*$/);
  for (const { id } of known) expect(Object.keys(subjects)).toContain(id);
});

it('says of what cannot be measured here why not', async () => {
  const findings = await elsewhere.measure(bench);
  for (const row of elsewhere.rows)
    expect(judge(row, findings[row.id] ?? { values: [1] }).why).toMatch(/needs/);
});

it('measures what lies in the store after many checkpoints', async () => {
  const findings = await storedBytes.measure(bench);
  const [row] = storedBytes.rows;
  const result = judge(row!, findings['stored-vs-unique'] ?? { why: 'nothing' });
  expect(result).toMatchObject({ met: true, runs: 1 });
  // Without re-use every checkpoint would be stored in full.
  expect(result.raw['fullCopiesBytes']).toBeGreaterThan(1.5 * Number(result.raw['storedBytes']));
});
