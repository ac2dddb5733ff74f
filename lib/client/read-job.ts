import { messageOf, NotFoundError, remedyOf, UnfitError, UnknownFormatError } from '../base/errors.ts';
import { type Heartbeat, readHeartbeat } from '../journal/heartbeat.ts';
import type { JobState } from '../journal/job-state.ts';
import { type Journal, openJournal } from '../journal/journal.ts';
import { listJobIds } from '../journal/list-jobs.ts';
import { isLive } from '../journal/liveness.ts';
import { checkJobId } from './job-name.ts';
import type { Region } from './region.ts';

/** A job at one moment: what the journal says, and what its newest owner last said about itself. */
export interface JobView {
  readonly state: JobState;
  /** Of the newest claim, open or not. */
  readonly heartbeat: Heartbeat | undefined;
  readonly heartbeatAgeMs: number | undefined;
  /** An attempt is open and its worker has given a sign of life lately. */
  readonly isLive: boolean;
}

/** Jobs that are read at a time: enough to hide the way to S3, little enough for any store. */
const lanes = 8;

/** @throws NotFoundError when no such job was ever submitted to this store */
export async function openExistingJob(region: Region, jobId: string): Promise<Journal> {
  const { store, clock, random, place } = region;
  const journal = await openJournal({ store, clock, random }, checkJobId(jobId));
  if (journal.state.sequence > 0) return journal;
  throw new NotFoundError(`there is no job \`${jobId}\`.`, {
    hint: '`holdfast ls` lists the jobs of this store.',
    facts: { store: place.store },
  });
}

/** @throws NotFoundError when no such job was ever submitted to this store */
export async function readJob(region: Region, jobId: string): Promise<JobView> {
  return viewOf(region, (await openExistingJob(region, jobId)).state);
}

/** The state with what its newest owner says. */
export async function viewOf(region: Region, state: JobState): Promise<JobView> {
  const { store, timers } = region;
  const { jobId, claim, newestClaim } = state;
  const heard = newestClaim === 0 ? undefined : await readHeartbeat(store, jobId, newestClaim);
  return {
    state,
    heartbeat: heard?.heartbeat,
    heartbeatAgeMs: heard?.ageMs,
    isLive:
      claim !== null && (await isLive(store, { jobId, claim: claim.token, livenessMs: timers.livenessMs })),
  };
}

export interface JobList {
  /** The newest first. */
  readonly jobs: readonly JobView[];
  /** Jobs whose documents are damaged, or of a newer Holdfast: they hide no other job. */
  readonly unreadable: ReadonlyArray<{ readonly jobId: string; readonly message: string }>;
}

/** Every job of the store. */
export async function listJobs(region: Region): Promise<JobList> {
  const ids: string[] = [];
  for await (const jobId of listJobIds(region.store)) ids.push(jobId);
  const jobs: JobView[] = [];
  const unreadable: { readonly jobId: string; readonly message: string }[] = [];
  const work = async (): Promise<void> => {
    for (let jobId = ids.pop(); jobId !== undefined; jobId = ids.pop()) {
      try {
        const { store, clock, random } = region;
        const { state } = await openJournal({ store, clock, random }, jobId);
        // A submit that has not come to its journal yet is no job.
        if (state.sequence > 0) jobs.push(await viewOf(region, state));
      } catch (error) {
        if (!isOfThisJobAlone(error)) throw error;
        unreadable.push({ jobId, message: messageOf(error) });
      }
    }
  };
  await Promise.all(Array.from({ length: lanes }, work));
  return { jobs: jobs.toSorted(newestFirst), unreadable };
}

/** Trouble with the store or with permissions would meet every job; a store that was just listed is fit. */
function isOfThisJobAlone(error: unknown): boolean {
  const isOfJournal = error instanceof UnknownFormatError || error instanceof UnfitError;
  return isOfJournal || remedyOf(error) === 'fall-back';
}

function newestFirst({ state: one }: JobView, { state: other }: JobView): number {
  return (
    (other.submittedAt ?? '').localeCompare(one.submittedAt ?? '') || one.jobId.localeCompare(other.jobId)
  );
}
