import type { JobState } from '../lib/journal/job-state.ts';

/** The next command for a failed job. */
export function afterFailure({ jobId, checkpoints, committed }: JobState): string {
  const good = checkpoints.findLast(({ quarantined }) => quarantined === undefined);
  if (good === undefined && committed > 0) {
    return 'None of its checkpoints can be used, and no job with a history starts over: `holdfast submit` makes a new one.';
  }
  const from = good === undefined ? 'from the beginning' : `from step ${good.step}`;
  return `\`holdfast resume ${jobId} --program FIXED.ts\` goes on ${from}.`;
}
