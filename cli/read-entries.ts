import { openExistingJob } from '../lib/client/read-job.ts';
import type { Region } from '../lib/client/region.ts';
import type { JournalEntry } from '../lib/contract/journal-entry.ts';
import type { JobState } from '../lib/journal/job-state.ts';

/** A job's whole journal, for what is told of its history. */
export async function readEntries(
  region: Region,
  jobId: string,
): Promise<{ readonly entries: readonly JournalEntry[]; readonly state: JobState }> {
  const journal = await openExistingJob(region, jobId);
  const entries: JournalEntry[] = [];
  for await (const entry of journal.entries()) entries.push(entry);
  return { entries, state: journal.state };
}
