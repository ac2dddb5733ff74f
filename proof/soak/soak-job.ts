import { pause } from '../../lib/base/clock.ts';
import { ConflictError, NotFoundError } from '../../lib/base/errors.ts';
import { forkJob } from '../../lib/client/fork-job.ts';
import { pinCheckpoint } from '../../lib/client/pin-checkpoint.ts';
import type { InspectProgram } from '../../lib/client/prepare-program.ts';
import { planPrune, pruneCheckpoints } from '../../lib/client/prune-checkpoints.ts';
import { openExistingJob } from '../../lib/client/read-job.ts';
import type { Region } from '../../lib/client/region.ts';
import { cancelJob, pauseJob, resumeJob, retryJob } from '../../lib/client/requests.ts';
import { sendTicket } from '../../lib/client/send-ticket.ts';
import { submitJob } from '../../lib/client/submit-job.ts';
import type { JobState } from '../../lib/journal/job-state.ts';
import type { Journal } from '../../lib/journal/journal.ts';
import type { WalkedEnd } from './journal-walk.ts';
import type { Kind } from './kinds.ts';
import type { Act, PlannedJob } from './plan-job.ts';

/** A job that was brought to its end, or given up on. */
export interface SoakedJob {
  readonly jobId: string;
  readonly kind: Kind;
  readonly seed: number;
  /** How it may have ended. */
  readonly ends: readonly WalkedEnd[];
  readonly state: JobState;
  /** What the operator came to do; undefined where the job was over before. */
  readonly done: Act | undefined;
  /** How often it had used up its strikes, and was told to try again. */
  readonly retries: number;
}

export interface Stage {
  readonly region: Region;
  /** One inspection for each program. */
  readonly inspect: InspectProgram;
  /** Ends every wait. */
  readonly signal: AbortSignal;
}

/** Between two looks at a job: each is one read of a small file. */
const lookMs = 250;
/** The machine is killed so often that a job may well use up its strikes; more than this is no bad luck any more. */
const retriesMax = 5;

/** Submits a job, does what is planned for it, and follows it, and its fork, to the end. */
export async function soakJob(stage: Stage, planned: PlannedJob): Promise<readonly SoakedJob[]> {
  const { region } = stage;
  const { jobId, act } = planned;
  await submit(stage, planned);
  const journal = await openExistingJob(region, jobId);
  const early = act === 'tickets' || act === 'submit-again';
  if (!early && act !== 'nothing') await until(stage, journal, ({ committed }) => committed > 0);
  const done = await unlessTooLate(() => perform(stage, planned));
  const [own, child] = await Promise.all([
    follow(stage, planned, { journal, done }),
    done === 'fork' ? followFork(stage, planned) : undefined,
  ]);
  return child === undefined ? [own] : [own, child];
}

async function submit({ region, inspect }: Stage, planned: PlannedJob): Promise<void> {
  const { jobId, kind, seed, save, keep } = planned;
  await submitJob(region, { ...kind.submission(seed), jobId, save, keep, inspect, cwd: process.cwd() });
}

async function perform(stage: Stage, planned: PlannedJob): Promise<Act | undefined> {
  const { region, signal, inspect } = stage;
  const { jobId, act } = planned;
  switch (act) {
    case 'nothing':
      return act;
    case 'tickets':
      for (let extra = 0; extra < 3; extra++) await sendTicket(region, { jobId });
      return act;
    case 'submit-again':
      await submit(stage, planned);
      return act;
    case 'pin':
      await pinCheckpoint(region, jobId, 'latest');
      return act;
    case 'prune': {
      const { checkpoints } = await planPrune(region, jobId, { keep: { last: 1, best: false } });
      if (checkpoints.length === 0) return undefined;
      await pruneCheckpoints(region, jobId, { ids: checkpoints.map(({ id }) => id) });
      return act;
    }
    case 'fork':
      await forkJob(region, {
        from: { jobId, checkpoint: 'latest' },
        jobId: forkOf(jobId),
        inspect,
        cwd: process.cwd(),
      });
      return act;
    case 'cancel':
      await cancelJob(region, jobId);
      return act;
    case 'pause': {
      const journal = await openExistingJob(region, jobId);
      await pauseJob(region, jobId);
      const { status } = await until(stage, journal, ({ status: now }) => now === 'paused');
      if (status !== 'paused') return undefined;
      await pause(region.clock, lookMs, signal);
      await resumeJob(region, jobId);
      return act;
    }
  }
}

const forkOf = (jobId: string): string => `${jobId}-fork`;

async function unlessTooLate(work: () => Promise<Act | undefined>): Promise<Act | undefined> {
  try {
    return await work();
  } catch (error) {
    // The job was over, or the checkpoint dropped, in this very moment.
    if (error instanceof ConflictError || error instanceof NotFoundError) return undefined;
    throw error;
  }
}

async function followFork(stage: Stage, parent: PlannedJob): Promise<SoakedJob> {
  const jobId = forkOf(parent.jobId);
  const journal = await openExistingJob(stage.region, jobId);
  return follow(stage, { ...parent, jobId }, { journal, done: undefined });
}

/** A cancelled job may have been faster than the request. */
async function follow(
  stage: Stage,
  { jobId, kind, seed }: PlannedJob,
  { journal, done }: { readonly journal: Journal; readonly done: Act | undefined },
): Promise<SoakedJob> {
  const ends: readonly WalkedEnd[] = done === 'cancel' ? ['completed', 'cancelled'] : ['completed'];
  for (let retries = 0; ; retries++) {
    const state = await until(stage, journal, ({ end }) => end !== null);
    const isUnlucky = state.end?.reason === 'strikes' && retries < retriesMax && !stage.signal.aborted;
    if (!isUnlucky) return { jobId, kind, seed, ends, state, done, retries };
    await retryJob(stage.region, jobId);
  }
}

/** Until the condition holds, the job is over, or the signal ends the wait. */
async function until(
  { region, signal }: Stage,
  journal: Journal,
  holds: (state: JobState) => boolean,
): Promise<JobState> {
  for (;;) {
    const state = await journal.peek();
    if (holds(state) || state.end !== null) return state;
    if (!(await pause(region.clock, lookMs, signal))) return state;
  }
}
