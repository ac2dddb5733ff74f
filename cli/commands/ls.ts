import { listJobs } from '../../lib/client/read-job.ts';
import { type JobSummary, summarizeJob } from '../../lib/client/summarize-job.ts';
import { exitCodes } from '../../lib/contract/exit-codes.ts';
import type { Command } from '../context.ts';
import { formatAge } from '../format.ts';
import { lossText, paintStatus, statusText, stepText } from '../status-text.ts';
import { type Column, table } from '../table.ts';
import type { Colors } from '../terminal.ts';
import { isUntouched, withRegion } from '../with-region.ts';

/** `holdfast ls`: one line a job, the newest first. */
export const ls: Command<object> = async (context) => {
  const { terminal, clock } = context;
  const jobs = (await isUntouched(context))
    ? []
    : await withRegion(context, async (region) => (await listJobs(region)).map(summarizeJob));
  if (terminal.json) {
    terminal.printJson({ jobs });
    return exitCodes.ok;
  }
  if (jobs.length === 0) {
    terminal.suggest('No jobs yet. `holdfast submit train.ts` queues the first one.');
    return exitCodes.ok;
  }
  const lines = table(jobs, columns(terminal.colors, clock.now()), terminal.colors.bold);
  for (const line of lines) terminal.print(line);
  return exitCodes.ok;
};

function columns(colors: Colors, now: Date): readonly Column<JobSummary>[] {
  return [
    { title: 'ID', value: (job) => job.jobId },
    { title: 'NAME', value: (job) => job.name },
    { title: 'STATUS', value: statusText, paint: (cell, job) => paintStatus(colors, job)(cell) },
    { title: 'STEP', value: stepText, align: 'right' },
    { title: 'LOSS', value: lossText, align: 'right' },
    { title: 'RECOVERIES', value: (job) => String(job.recoveries), align: 'right' },
    { title: 'LAST-CHECKPOINT', value: (job) => formatAge(job.lastCheckpoint?.at, now), align: 'right' },
    { title: 'WORKER', value: (job) => job.worker?.id ?? '-' },
  ];
}
