import { join } from 'node:path';
import { expect, it } from 'vitest';
import { systemClock } from '../../../lib/base/clock.ts';
import { systemRandom } from '../../../lib/base/random.ts';
import { kinds } from '../../../proof/soak/kinds.ts';
import { runSoak } from '../../../proof/soak/run-soak.ts';
import { renderSoak } from '../../../proof/soak/soak-report.ts';
import { tempDir } from '../../support/temp-dir.ts';

/** Long enough for the machines of a slow runner to be struck several times. */
const forMs = 10_000;

it('loses nothing of a dozen jobs on machines that are killed, over a store and a queue that fail', async () => {
  const seed = Math.floor(systemRandom.next() * 1e9);
  const report = await runSoak({
    dir: join(tempDir(), 'soak'),
    forMs,
    seed,
    workers: 2,
    seeds: 1,
    kinds: kinds.slice(0, 4),
    livesOfJobs: 1.5,
    clock: systemClock,
    signal: new AbortController().signal,
  });
  const told = renderSoak(report).join('\n');
  expect(report.findings, told).toEqual([]);
  expect(report.control.overlooked, told).toEqual([]);
  expect(report.ok, told).toBe(true);
  // A soak in which nothing happened would say the same.
  expect(report.jobs.completed, told).toBeGreaterThan(3);
  expect(report.control.planted, told).toBeGreaterThan(20);
  expect(
    Object.values(report.blows).reduce((sum, count) => sum + count, 0),
    told,
  ).toBeGreaterThan(0);
  expect(Object.keys(report.faults), told).not.toEqual([]);
});
