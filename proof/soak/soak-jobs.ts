import type { PlannedJob } from './plan-job.ts';
import { soakJob, type SoakedJob, type Stage } from './soak-job.ts';

export interface LoadOptions {
  readonly plan: Iterator<PlannedJob, never>;
  /** Jobs that are under way at a time. */
  readonly atOnce: number;
  /** Whether another job is to be begun. */
  readonly goesOn: () => boolean;
  readonly onJob?: (jobs: readonly SoakedJob[]) => void;
}

/** Keeps so many jobs under way until it is told to begin no more, and waits for the last of them. */
export async function soakJobs(stage: Stage, options: LoadOptions): Promise<readonly SoakedJob[]> {
  const { plan, atOnce, goesOn, onJob } = options;
  const all: SoakedJob[] = [];
  const lane = async (): Promise<void> => {
    while (goesOn() && !stage.signal.aborted) {
      const jobs = await soakJob(stage, plan.next().value);
      all.push(...jobs);
      onJob?.(jobs);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
  return all;
}
