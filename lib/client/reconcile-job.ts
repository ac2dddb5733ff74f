import { UnfitError } from '../base/errors.ts';
import { objectKeys } from '../contract/object-keys.ts';
import { storeIdentity } from '../contract/store-identity.ts';
import type { JobState, JobStatus } from '../journal/job-state.ts';
import { type Journal, openJournal } from '../journal/journal.ts';
import { isLive } from '../journal/liveness.ts';
import { recordTicket } from '../journal/requests.ts';
import { settleRequest } from '../journal/settle-request.ts';
import { isClaimable, isFinished, isUnfinishedFork } from '../journal/status.ts';
import { answerPrune } from './answer-prune.ts';
import type { Region } from './region.ts';
import { type Tidier, tidyClaimOptions, unlessFenced, wake } from './tidy-claim.ts';

/** A job, and what was done for it. */
export interface JobFinding {
  readonly jobId: string;
  readonly status: JobStatus;
  /** It could run and has no live owner: since its newest entry. */
  readonly waitedMs?: number;
  /** A live owner trains it: since its newest checkpoint, or since the claim where that is later. */
  readonly unsavedMs?: number;
  readonly ticketed: boolean;
  /** What a request was answered with. */
  readonly settled?: JobStatus;
  readonly pruned: readonly string[];
}

/**
 * A ticket that a worker is about to receive, or that shows again after a silent death, does so within minutes: a job
 * that has been silent for longer has lost its own, or waits in a long queue.
 */
const silentMs = 15 * 60_000;
/** Jobs of a queue that is longer than its fleet are silent for days; so few extra tickets do not make it longer still. */
const betweenTicketsMs = 6 * 3_600_000;

/** Who claims and who asks, for people who read the journal. */
const by = 'reconcile';
const tidier: Tidier = { ticket: by, by };

/** Tends to one job; undefined for one whose submit has not come to its journal. What it throws is about this job alone. */
export async function reconcileJob(region: Region, jobId: string): Promise<JobFinding | undefined> {
  const { store, clock, random } = region;
  const journal = await openJournal({ store, clock, random }, jobId);
  if (journal.state.sequence === 0) return undefined;
  refuseForeign(region, journal.state);
  const settled = await answerRequest(region, journal);
  const answer = await answerPrune(region, journal, tidier);
  const pruned = answer.outcome === 'pruned' ? answer.checkpoints : [];
  const { state } = journal;
  const done = { jobId, status: state.status, pruned, ...(settled === undefined ? {} : { settled }) };
  // A fork that was left half made can be brought on by its maker alone: no ticket would, and nobody waits for a machine.
  if (isFinished(state.status) || isUnfinishedFork(state)) return { ...done, ticketed: false };
  const silence = await silenceOf(region, state);
  if (silence.unsavedMs !== undefined) return { ...done, unsavedMs: silence.unsavedMs, ticketed: false };
  const ticketed = silence.isLost && (await giveTicket(region, journal));
  return { ...done, waitedMs: silence.waitedMs, ticketed };
}

/** Its checkpoints are elsewhere, and the workers of this store will not touch it. */
function refuseForeign({ store }: Region, state: JobState): void {
  if (storeIdentity(state.store) === storeIdentity(store.uri)) return;
  throw new UnfitError('the job belongs to another store.', {
    facts: { job: state.jobId, jobStore: state.store, store: store.uri },
    hint: 'Its journal was copied here by hand; remove the copy.',
  });
}

async function answerRequest(region: Region, journal: Journal): Promise<JobStatus | undefined> {
  const { requests } = journal.state;
  if (!isClaimable(journal.state) || !(requests.pause || requests.cancel)) return undefined;
  const result = await unlessFenced(settleRequest(journal, tidyClaimOptions(region, journal.jobId, tidier)));
  if (result?.outcome === 'given-back') await wake(region, journal.state);
  return result?.outcome === 'settled' ? result.status : undefined;
}

type Silence =
  /** A live owner trains it. */
  | { readonly unsavedMs: number }
  /** Nobody does. `isLost`: for so long that its ticket must be taken for lost. */
  | { readonly unsavedMs?: undefined; readonly waitedMs: number; readonly isLost: boolean };

/** How long nothing was heard of a job that could run, by the store's clock. */
async function silenceOf({ store, timers }: Region, state: JobState): Promise<Silence> {
  const { jobId, claim, sequence, lastTicketedAt } = state;
  const key = objectKeys.journalEntry(jobId, sequence);
  const newest = await store.get(key);
  if (newest === undefined) throw new UnfitError('a journal entry has gone.', { facts: { key } });
  const nowMs = newest.serverTime.getTime();
  const hears = (livenessMs: number): Promise<boolean> =>
    claim === null ? Promise.resolve(false) : isLive(store, { jobId, claim: claim.token, livenessMs });
  if (claim !== null && (await hears(timers.livenessMs))) {
    const saved = state.checkpoints.findLast(({ quarantined }) => quarantined === undefined);
    const since = Math.max(Date.parse(claim.at), Date.parse(saved?.at ?? claim.at));
    return { unsavedMs: Math.max(0, nowMs - since) };
  }
  const waitedMs = Math.max(0, nowMs - newest.lastModified.getTime());
  const isDue = lastTicketedAt === null || nowMs - Date.parse(lastTicketedAt) >= betweenTicketsMs;
  return { waitedMs, isLost: isDue && waitedMs >= silentMs && !(await hears(silentMs)) };
}

/** Append before send: of any number of callers the one whose entry stands sends. False where another was faster. */
async function giveTicket(region: Region, journal: Journal): Promise<boolean> {
  // Nothing is written before the queue has answered: an entry without its ticket would cost the job six hours.
  await (await region.queue()).depth();
  const { entry } = await recordTicket(journal, { by, seen: journal.state.sequence });
  if (entry !== undefined) await wake(region, journal.state);
  return entry !== undefined;
}
