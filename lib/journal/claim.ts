import { assert } from '../base/assert.ts';
import { FencedError, NotFoundError } from '../base/errors.ts';
import type { EntryFacts, Instance } from '../contract/journal-entry.ts';
import type { AppendResult, Journal } from './journal.ts';
import type { JobState, JobStatus, OpenClaim } from './job-state.ts';
import { settlementOf } from './settlement.ts';
import { isStartable } from './status.ts';

/** The right to write as the job's owner, until a newer claim stands. */
export interface Claim {
  /** Fencing token: the sequence of the `claimed` entry. It names everything that this attempt writes. */
  readonly token: number;
  readonly journal: Journal;
  /**
   * Appends as the owner.
   * @throws FencedError when a newer claim stands: stop at once and touch nothing
   * @throws InvariantError when the entry would break a rule, as a commit after the attempt has ended
   */
  append(
    decide: (state: JobState) => EntryFacts | undefined,
    options?: { readonly signal?: AbortSignal },
  ): Promise<AppendResult>;
}

export type ClaimResult =
  | { readonly outcome: 'claimed'; readonly claim: Claim }
  /** Nothing to do: completed, failed, cancelled or paused, or a fork that is still being made. The ticket may be deleted. */
  | { readonly outcome: 'finished'; readonly status: JobStatus }
  /** Somebody works on it. `sameTicket`: by this very ticket. */
  | { readonly outcome: 'owned'; readonly owner: OpenClaim; readonly sameTicket: boolean };

export interface ClaimOptions {
  /** Message id of the ticket. */
  readonly ticket: string;
  readonly instance: Instance;
  /** Whether an owner has given a sign of life lately. Only asked to spare a healthy one: safety rests on the fence. */
  readonly isLive: (claim: OpenClaim) => Promise<boolean>;
  /** The last step that a dead owner reported, where anybody knows: tells what its end cost. */
  readonly lastStepOf?: (claim: OpenClaim) => Promise<number | undefined>;
}

/**
 * Claims the job. From the entry on no older attempt can append anything. What is pending is settled under the new
 * claim, where no zombie can get in between: a cancel or pause request is answered, and a job whose strikes are used up
 * has failed.
 * @throws NotFoundError when there is no such job
 */
export async function claimJob(journal: Journal, options: ClaimOptions): Promise<ClaimResult> {
  const taken = await takeClaim(journal, options, isStartable);
  if (taken.outcome !== 'claimed') return taken;
  const status = await settle(taken.claim);
  return status === undefined ? taken : { outcome: 'finished', status };
}

/** Claims the job if it is still `wanted` by then and no live owner has it; settles nothing. */
export async function takeClaim(
  journal: Journal,
  options: ClaimOptions,
  isWanted: (state: JobState) => boolean,
): Promise<ClaimResult> {
  const { ticket, instance, isLive, lastStepOf } = options;
  const state = await journal.refresh();
  if (state.sequence === 0) {
    throw new NotFoundError('no such job.', { facts: { jobId: journal.jobId } });
  }
  const found = isWanted(state) ? state.claim : null;
  if (found !== null && (await isLive(found))) return ownedBy(found, ticket);
  const silent = found?.token;
  const heardStep = found === null ? undefined : await lastStepOf?.(found);
  const { entry, state: after } = await journal.append((current) => {
    if (!isWanted(current)) return undefined;
    // An owner that came while we looked is alive, whatever the clocks say.
    if (current.claim !== null && current.claim.token !== silent) return undefined;
    // Only of the attempt that was looked at: another one may have begun, and ended, meanwhile.
    const heard = current.claim === null || heardStep === undefined ? {} : { heardStep };
    return { kind: 'claimed', ticket, instance, claim: null, ...heard };
  });
  if (entry !== undefined) return { outcome: 'claimed', claim: claimOf(journal, entry.sequence) };
  if (!isWanted(after)) return { outcome: 'finished', status: after.status };
  assert(after.claim !== null, 'a wanted job is left alone only for its owner', { jobId: journal.jobId });
  return ownedBy(after.claim, ticket);
}

const ownedBy = (owner: OpenClaim, ticket: string): ClaimResult => ({
  outcome: 'owned',
  owner,
  sameTicket: owner.ticket === ticket,
});

/** Answers what is pending; the status when that finished the job. */
export async function settle(claim: Claim): Promise<JobStatus | undefined> {
  const { entry, state } = await claim.append(settlementOf);
  return entry === undefined ? undefined : state.status;
}

/** Writes as the owner that `token` names, for as long as that claim is the newest. */
export function claimOf(journal: Journal, token: number): Claim {
  return {
    token,
    journal,
    async append(decide, options) {
      return journal.append((state) => {
        if (state.newestClaim !== token) {
          throw new FencedError('a newer claim stands in the journal.', {
            facts: { jobId: journal.jobId, ours: token, newest: state.newestClaim },
          });
        }
        const facts = decide(state);
        return facts === undefined ? undefined : { ...facts, claim: token };
      }, options);
    },
  };
}
