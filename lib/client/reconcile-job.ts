import { CorruptionError, FencedError, UnfitError, UnknownFormatError } from '../base/errors.ts';
import { retry } from '../base/retry.ts';
import type { Instance } from '../contract/journal-entry.ts';
import { objectKeys } from '../contract/object-keys.ts';
import { storeIdentity } from '../contract/store-identity.ts';
import { encodeTicket } from '../contract/ticket.ts';
import { pruneRequested } from '../checkpoint/prune.ts';
import { type ClaimOptions, takeClaim } from '../journal/claim.ts';
import { mustStay } from '../journal/fold-checkpoints.ts';
import { readHeartbeat } from '../journal/heartbeat.ts';
import type { JobState, JobStatus } from '../journal/job-state.ts';
import { type Journal, openJournal } from '../journal/journal.ts';
import { isLive } from '../journal/liveness.ts';
import { recordTicket } from '../journal/requests.ts';
import { settleRequest } from '../journal/settle-request.ts';
import { isClaimable, isFinished } from '../journal/status.ts';
import { loadSpec } from './load-spec.ts';
import type { Region } from './region.ts';

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
const instance: Instance = { id: by, type: 'operator', zone: 'none' };

/** Tends to one job; undefined for one whose submit has not come to its journal. What it throws is about this job alone. */
export async function reconcileJob(region: Region, jobId: string): Promise<JobFinding | undefined> {
  const { store, clock, random } = region;
  const journal = await openJournal({ store, clock, random }, jobId);
  if (journal.state.sequence === 0) return undefined;
  refuseForeign(region, journal.state);
  const settled = await answerRequest(region, journal);
  const pruned = await prune(region, journal);
  const { state } = journal;
  const done = { jobId, status: state.status, pruned, ...(settled === undefined ? {} : { settled }) };
  if (isFinished(state.status)) return { ...done, ticketed: false };
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
  const result = await unlessFenced(settleRequest(journal, claimOptions(region, journal)));
  if (result?.outcome === 'given-back') await send(region, journal.state);
  return result?.outcome === 'settled' ? result.status : undefined;
}

/** Undefined when somebody claimed the job after us: it is in their hands then. */
async function unlessFenced<Result>(work: Promise<Result>): Promise<Result | undefined> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof FencedError) return undefined;
    throw error;
  }
}

/** What somebody asked to delete and what need not stay. */
function prunable(state: JobState): readonly string[] {
  const stay = mustStay(state, state.updatedAt ?? '');
  return state.requests.prune.filter((id) => !stay.has(id));
}

async function prune(region: Region, journal: Journal): Promise<readonly string[]> {
  if (prunable(journal.state).length === 0) return [];
  const taken = await takeClaim(
    journal,
    claimOptions(region, journal),
    (state) => prunable(state).length > 0,
  );
  if (taken.outcome !== 'claimed') return [];
  const { claim } = taken;
  try {
    return (await unlessFenced(pruneRequested(claim, region.store))) ?? [];
  } finally {
    await giveBack(region, journal, claim.token);
  }
}

/** Ends a claim that was taken only to tidy up. The job goes on where it has to, unless somebody else has it by now. */
async function giveBack(region: Region, journal: Journal, token: number): Promise<void> {
  const { entry, state } = await journal.append((now) =>
    now.newestClaim === token
      ? {
          kind: 'released',
          claim: token,
          cause: 'handover',
          step: now.reachedStep,
          instance,
          message: 'checkpoints were pruned on request',
        }
      : undefined,
  );
  // A worker that came meanwhile has taken the job for owned and dropped its ticket.
  if (entry !== undefined && !isFinished(state.status)) await send(region, state);
}

function claimOptions(region: Region, journal: Journal): ClaimOptions {
  const { store, timers } = region;
  const { jobId } = journal;
  return {
    ticket: by,
    instance,
    isLive: ({ token }) => isLive(store, { jobId, claim: token, livenessMs: timers.livenessMs }),
    lastStepOf: async ({ token }) => (await readHeartbeat(store, jobId, token))?.heartbeat.step,
  };
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
  if (entry !== undefined) await send(region, journal.state);
  return entry !== undefined;
}

async function send(region: Region, state: JobState): Promise<void> {
  const queue = await region.queue();
  const owner = await ownerOf(region, state);
  const body = encodeTicket(state.jobId);
  await retry(() => queue.send(body, owner === undefined ? {} : { groupId: owner }), region);
}

/** For fairness between owners only: a job whose spec cannot be read is for a worker to fail, and needs its ticket for that. */
async function ownerOf(region: Region, { spec }: JobState): Promise<string | undefined> {
  try {
    return spec === null ? undefined : (await loadSpec(region.store, spec)).owner;
  } catch (error) {
    if (error instanceof CorruptionError || error instanceof UnknownFormatError) return undefined;
    throw error;
  }
}
