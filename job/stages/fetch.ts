import { InvariantError, messageOf } from '../../lib/base/errors.ts';
import type { Attempt, AttemptEvent, Outcome } from '../attempt.ts';
import { fetchJobFiles, type JobFiles } from '../fetch-job-files.ts';
import { describeNotice } from '../outcome-of.ts';
import type { World } from '../world.ts';

/** Inputs may be large and the network slow; whoever is slower than this gets nowhere. */
const fetchBudgetMs = 2 * 3_600_000;

/**
 * Fetches program and inputs. Large inputs take longer than a notice: what ends an attempt is heard meanwhile, and nothing
 * is lost by it, since nothing has been trained.
 */
export async function fetchFiles(
  world: World,
  attempt: Attempt,
): Promise<{ readonly files: JobFiles } | { readonly ended: Outcome }> {
  const { events, progress, signal } = attempt;
  progress.allow(fetchBudgetMs);
  const fetching = fetchJobFiles(world, attempt.spec, signal).then((files) => ({ files }));
  // When the attempt ends first nobody asks any more how the download went.
  fetching.catch(() => undefined);
  for (;;) {
    const fetched = await Promise.race([fetching, events.arrived()]);
    if (fetched !== undefined) return fetched;
    const ended = endedBy(await events.next());
    if (ended !== undefined) return { ended };
  }
}

function endedBy(event: AttemptEvent): Outcome | undefined {
  switch (event.kind) {
    case 'notice':
      return { kind: 'interrupted', notice: describeNotice(event.stop.notice) };
    case 'requested':
      return event.requests.cancel ? { kind: 'cancelled' } : { kind: 'paused' };
    case 'ticket-lost':
    case 'handover-due':
      return { kind: 'handover', why: 'the ticket is old or lost', later: true };
    case 'hung':
      return { kind: 'infrastructure', message: 'program and inputs could not be fetched in time' };
    case 'fenced':
      return { kind: 'fenced', message: messageOf(event.error) };
    case 'rebalance':
    // Told again at the next look: it is answered once there is a trainer, beside its training.
    case 'prune-requested':
      return undefined;
    case 'restored':
    case 'restore-failed':
    case 'message':
    case 'exit':
    case 'save-due':
    case 'flush-due':
    case 'answer-overdue':
    case 'cut':
    case 'answered':
    case 'drained':
    case 'broken':
      throw new InvariantError('before there is a trainer nothing else happens.', {
        facts: { event: event.kind },
      });
  }
}
