import { AccessDeniedError } from '../base/errors.ts';
import { retry } from '../base/retry.ts';
import { askToDelete } from '../checkpoint/prune-outlook.ts';
import { pruneRequested, sweepGarbage } from '../checkpoint/prune.ts';
import { type Claim, takeClaim } from '../journal/claim.ts';
import { prunable } from '../journal/fold-checkpoints.ts';
import type { OpenClaim } from '../journal/job-state.ts';
import type { Journal } from '../journal/journal.ts';
import type { Region } from './region.ts';
import { giveBackTidied, type Tidier, tidyClaimOptions, unlessFenced } from './tidy-claim.ts';

export type PruneAnswer =
  | { readonly outcome: 'pruned'; readonly checkpoints: readonly string[] }
  /** A live owner has the job and answers within seconds; or somebody claimed it while we were at it. */
  | { readonly outcome: 'owned'; readonly owner: OpenClaim | undefined }
  /** The store lets us delete nothing: who may answers within a quarter of an hour, by `reconcile`. */
  | { readonly outcome: 'not-allowed' }
  /** Nothing is asked that may be dropped. */
  | { readonly outcome: 'nothing' };

/**
 * Answers requests to prune a job without a live owner: claims it, which fences whoever may still wake up, drops and
 * deletes what was asked, sweeps what older claims left, and gives the job back. What is cut short is garbage that the
 * next claim sweeps.
 * @throws CorruptionError when the manifest of a good retained checkpoint is damaged: nothing is deleted then
 */
export async function answerPrune(region: Region, journal: Journal, tidier: Tidier): Promise<PruneAnswer> {
  if (prunable(journal.state).length === 0) return { outcome: 'nothing' };
  if (!(await mayDelete(region, journal.jobId))) return { outcome: 'not-allowed' };
  const options = tidyClaimOptions(region, journal.jobId, tidier);
  const taken = await takeClaim(journal, options, (state) => prunable(state).length > 0);
  if (taken.outcome === 'owned') return { outcome: 'owned', owner: taken.owner };
  if (taken.outcome === 'finished') return { outcome: 'nothing' };
  const { token } = taken.claim;
  try {
    const checkpoints = await unlessFenced(prune(region, taken.claim));
    return checkpoints === undefined
      ? { outcome: 'owned', owner: journal.state.claim ?? undefined }
      : { outcome: 'pruned', checkpoints };
  } finally {
    const message = 'checkpoints were pruned on request';
    await giveBackTidied(region, journal, { token, by: tidier.by, message });
  }
}

/** Before anything is written: a claim that drops what it then may not delete would leave garbage behind. */
async function mayDelete({ store, clock, random }: Region, jobId: string): Promise<boolean> {
  try {
    await retry(() => askToDelete(store, jobId), { clock, random });
    return true;
  } catch (error) {
    if (error instanceof AccessDeniedError) return false;
    throw error;
  }
}

async function prune({ store }: Region, claim: Claim): Promise<readonly string[]> {
  const dropped = await pruneRequested(claim, store);
  // A job that is over is claimed for nothing else any more: what earlier claims left would lie there for ever.
  await sweepGarbage(claim, store);
  return dropped;
}
