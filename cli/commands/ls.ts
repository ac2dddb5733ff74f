import { listJobs } from '../../lib/client/read-job.ts';
import { type JobSummary, summarizeJob } from '../../lib/client/summarize-job.ts';
import { exitCodes } from '../../lib/contract/exit-codes.ts';
import type { Command } from '../context.ts';
import { formatAge } from '../format.ts';
import { lossText, paintStatus, statusText, stepText } from '../status-text.ts';
import { type Column, table } from '../table.ts';
import type { Colors } from '../terminal.ts';
import { isUntouched, withRegion } from '../with-region.ts';

/** `holdfast ls`: one line a job, the newest first. A job that cannot be read is named, and the list is not complete: exit 1. */
export const ls: Command<object> = async (context) => {
  const { terminal, clock } = context;
  const { jobs, unreadable } = (await isUntouched(context))
    ? { jobs: [], unreadable: [] }
    : await withRegion(context, async (region) => listJobs(region));
  const summaries = jobs.map(summarizeJob);
  if (terminal.json) {
    terminal.printJson({ jobs: summaries, unreadable });
  } else if (summaries.length > 0) {
    const lines = table(summaries, columns(terminal.colors, clock.now()), terminal.colors.bold);
    for (const line of lines) terminal.print(line);
  } else if (unreadable.length === 0) {
    terminal.suggest('No jobs yet. `holdfast submit train.ts` queues the first one.');
  }
  for (const { jobId, message } of unreadable) terminal.say(`job \`${jobId}\` cannot be read: ${message}`);
  return unreadable.length === 0 ? exitCodes.ok : exitCodes.error;
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
