import type { JobStatus, OpenClaim } from './job-state.ts';
import { type ClaimOptions, settle, takeClaim } from './claim.ts';
import type { Journal } from './journal.ts';
import { isClaimable } from './status.ts';

export type RequestSettled =
  /** Answered here and now: the job is paused or cancelled. */
  | { readonly outcome: 'settled'; readonly status: JobStatus }
  /** A live owner has the job and will see the request within seconds. */
  | { readonly outcome: 'owned'; readonly owner: OpenClaim }
  /**
   * The request was withdrawn after the job had been claimed for it, and the job was given back. A worker that came
   * meanwhile has taken it for owned and dropped its ticket: the caller sends one.
   */
  | { readonly outcome: 'given-back' }
  /** Nothing is asked of the job (any more). */
  | { readonly outcome: 'nothing' };

/**
 * Answers a pause or cancel request of a job without a live owner: claims it, so that no zombie can get in between, and
 * appends the answer, which ends the claim as well. `ticket` names the caller, who has none.
 * @throws NotFoundError when there is no such job
 */
export async function settleRequest(journal: Journal, options: ClaimOptions): Promise<RequestSettled> {
  const taken = await takeClaim(
    journal,
    options,
    (state) => isClaimable(state) && (state.requests.pause || state.requests.cancel),
  );
  if (taken.outcome === 'owned') return { outcome: 'owned', owner: taken.owner };
  if (taken.outcome === 'finished') return { outcome: 'nothing' };
  const status = await settle(taken.claim);
  if (status !== undefined) return { outcome: 'settled', status };
  await taken.claim.append(({ reachedStep }) => ({
    kind: 'released',
    cause: 'handover',
    step: reachedStep,
    message: 'the request was withdrawn before it was answered',
  }));
  return { outcome: 'given-back' };
}
