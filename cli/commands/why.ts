import { openExistingJob } from '../../lib/client/read-job.ts';
import { exitCodes } from '../../lib/contract/exit-codes.ts';
import type { JournalEntry } from '../../lib/contract/journal-entry.ts';
import type { JobState } from '../../lib/journal/job-state.ts';
import { isFinished, isUnfinishedFork } from '../../lib/journal/status.ts';
import { describeEvent } from '../../lib/ledger/describe-event.ts';
import { headline } from '../../lib/ledger/headline.ts';
import { timeline, type TimelineEvent } from '../../lib/ledger/timeline.ts';
import { afterFailure } from '../after-failure.ts';
import type { Command } from '../context.ts';
import { formatClockTime, formatDuration } from '../format.ts';
import type { JobInput } from '../inputs.ts';
import type { Terminal } from '../terminal.ts';
import { withRegion } from '../with-region.ts';

/** `holdfast why JOB`: what happened, in order, and what that means for the job now. */
export const why: Command<JobInput> = (context, { jobId }) =>
  withRegion(context, async (region) => {
    const { terminal } = context;
    const journal = await openExistingJob(region, jobId);
    const entries: JournalEntry[] = [];
    for await (const entry of journal.entries()) entries.push(entry);
    const events = timeline(entries);
    if (terminal.json) {
      terminal.printJson({ jobId, status: journal.state.status, events });
      return exitCodes.ok;
    }
    for (const [index, event] of events.entries()) printEvent(terminal, event, events[index - 1]);
    terminal.print();
    terminal.print(verdict(journal.state));
    return exitCodes.ok;
  });

/** The time, how long after the event before, and what happened; further lines stand below the first. */
function printEvent(terminal: Terminal, event: TimelineEvent, before: TimelineEvent | undefined): void {
  const { colors } = terminal;
  const sinceMs = before === undefined ? 0 : new Date(event.at).getTime() - new Date(before.at).getTime();
  const since = before === undefined ? '' : `+${formatDuration(sinceMs)}`;
  const [first = '', ...more] = describeEvent(event).split('\n');
  terminal.print(`${formatClockTime(event.at)}  ${colors.dim(since.padStart(8))}  ${first}`);
  for (const line of more) terminal.print(`${' '.repeat(20)}${line}`);
}

/** Where the job stands, in one sentence, and what a person can do about it. */
function verdict(state: JobState): string {
  const { jobId, status, end, lastRelease, requests, forkedFrom } = state;
  if (isUnfinishedFork(state) && !isFinished(status))
    return `${jobId} is a fork that is not made yet. \`holdfast fork ${forkedFrom?.jobId}@${forkedFrom?.checkpoint} --id ${jobId}\` finishes it.`;
  const checkpoint = state.checkpoints.findLast(({ quarantined }) => quarantined === undefined);
  const from = checkpoint === undefined ? 'from the beginning' : `from step ${checkpoint.step}`;
  switch (status) {
    case 'queued':
      return `${jobId} waits for a worker and will start ${from}.`;
    case 'running':
      return requests.pause || requests.cancel
        ? `${jobId} runs and has been asked to ${requests.cancel ? 'end' : 'pause'}.`
        : `${jobId} runs.`;
    case 'interrupted':
      // Whoever made the fork held the only claim so far.
      if (forkedFrom !== null && state.totals.claims === 1)
        return `${jobId} waits for a worker and will start ${from}, as a fork of ${forkedFrom.jobId}.`;
      return `${jobId} waits for a replacement, after: ${headline(lastRelease?.message ?? 'unknown')}. It will resume ${from}.`;
    case 'paused':
      return `${jobId} is paused. \`holdfast resume ${jobId}\` goes on ${from}.`;
    case 'completed':
      return `${jobId} is completed: ${end?.reason ?? ''}.`;
    case 'failed':
      return `${jobId} failed: ${headline(end?.message ?? 'unknown')}. ${afterFailure(state)}`;
    case 'cancelled':
      return `${jobId} was cancelled. Its checkpoints are kept.`;
  }
}
