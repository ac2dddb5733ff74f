import { expect, it } from 'vitest';
import { seededRandom } from '../../../lib/base/random.ts';
import { kinds } from '../../../proof/soak/kinds.ts';
import { planJobs, type PlannedJob } from '../../../proof/soak/plan-job.ts';

function firstJobs(seed: number, count: number): readonly PlannedJob[] {
  const plan = planJobs({ kinds, seeds: 3, random: seededRandom(seed) });
  return Array.from({ length: count }, () => plan.next().value);
}

it('plans the same jobs for the same seed, and others for another', () => {
  expect(firstJobs(1, 30)).toEqual(firstJobs(1, 30));
  expect(firstJobs(1, 30)).not.toEqual(firstJobs(2, 30));
});

it('comes to every kind, every act and every seed, and names no job twice', () => {
  const jobs = firstJobs(3, 400);
  expect(new Set(jobs.map(({ jobId }) => jobId)).size).toBe(jobs.length);
  expect(new Set(jobs.map(({ kind }) => kind.name)).size).toBe(kinds.length);
  expect(new Set(jobs.map(({ act }) => act)).size).toBe(8);
  expect(new Set(jobs.map(({ seed }) => seed))).toEqual(new Set([1, 2, 3]));
});

it('lets a program that saves by itself decide when', () => {
  const commands = firstJobs(4, 200).filter(({ kind }) => !kind.isRecorded);
  expect(commands.length).toBeGreaterThan(0);
  expect(commands.every(({ save }) => Object.keys(save).length === 0)).toBe(true);
});
