import { ConflictError } from '../lib/base/errors.ts';
import { assert } from '../lib/base/assert.ts';
import { pause } from '../lib/base/clock.ts';
import type { Claim } from '../lib/journal/claim.ts';
import type { Attempt, AttemptEvent } from './attempt.ts';
import { Mailbox } from './mailbox.ts';
import { type HeldTicket, keepOwnership } from './ownership.ts';
import { ProgressWatch } from './progress-watch.ts';
import { Segments } from './segments.ts';
import { readSpec } from './stages/claim.ts';
import { diskFolders } from './work-dirs.ts';
import type { World } from './world.ts';

/**
 * Everything that lives as long as an attempt: its folders, its log segments, the heartbeat, the watch for notices and
 * operators' requests. Disposing ends all of it.
 */
export async function openAttempt(
  world: World,
  claim: Claim,
  ticket: HeldTicket,
): Promise<{ readonly attempt: Attempt } & AsyncDisposable> {
  const { journal } = claim;
  const { folders = diskFolders } = world;
  assert(journal.state.spec !== null, 'a claimed job was submitted');
  const work = new AbortController();
  const events = new Mailbox<AttemptEvent>();
  const progress = new ProgressWatch(world.clock);
  const spec = await readSpec(world, journal.state.spec);
  if (spec.jobId !== journal.jobId)
    throw new ConflictError('the spec belongs to another job.', {
      facts: { spec: spec.jobId, job: journal.jobId },
    });
  const dirs = await folders.make({
    workDir: world.workDir,
    stagingDir: world.stagingDir,
    jobId: spec.jobId,
    claim: claim.token,
    program: spec.program,
  });
  const segments = new Segments(world, spec.jobId, claim.token);
  const unsubscribe = [
    world.notices.onStop((stop) => events.push({ kind: 'notice', stop })),
    world.notices.onRebalance(() => events.push({ kind: 'rebalance' })),
  ];
  const owning = keepOwnership(
    world,
    { claim, ticket, progress },
    {
      signal: work.signal,
      events: {
        fenced: (error) => {
          work.abort(error);
          events.push({ kind: 'fenced', error });
        },
        ticketLost: () => events.push({ kind: 'ticket-lost' }),
        hung: (verdict) => events.push({ kind: 'hung', verdict }),
        requested: (requests) => events.push({ kind: 'requested', requests }),
        pruneRequested: () => events.push({ kind: 'prune-requested' }),
      },
    },
  );
  const handover = pause(world.clock, world.timers.handoverAfterMs, work.signal).then((due) => {
    if (due) events.push({ kind: 'handover-due' });
  });
  return {
    attempt: {
      spec,
      claim,
      ticket,
      progress,
      events,
      segments,
      dirs,
      signal: work.signal,
      stopWork: (reason) => work.abort(reason),
    },
    async [Symbol.asyncDispose]() {
      work.abort(new Error('the attempt is closed'));
      for (const stop of unsubscribe) stop();
      await Promise.all([owning, handover, segments.close()]);
      await folders.remove(dirs);
    },
  };
}
