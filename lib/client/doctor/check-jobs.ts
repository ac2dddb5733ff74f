import { type Clock, pause } from '../../base/clock.ts';
import type { ReconcileReport } from '../reconcile.ts';
import { type Check, type Finding, pass, warn } from './check.ts';

/** A checkpoint is saved every minute unless a job says otherwise; half an hour is what few would like to lose. */
const unsavedMsMax = 30 * 60_000;
/** Three requests a job, eight at a time: a minute is enough for thousands. */
const limitMs = 60_000;

/** Looks after every job (`reconcile`), which mends what it can, and tells what it found. */
export function checkJobs(
  reconcile: (signal: AbortSignal) => Promise<ReconcileReport>,
  { clock }: { readonly clock: Clock },
): Check {
  return {
    name: 'jobs',
    after: 'store',
    limitMs: limitMs + 5_000,
    async run(signal) {
      // Aborted in time it tells how far it came.
      const enough = new AbortController();
      const done = new AbortController();
      const timer = pause(clock, limitMs, AbortSignal.any([signal, done.signal])).then(() => enough.abort());
      try {
        return findingOf(await reconcile(enough.signal));
      } finally {
        done.abort();
        await timer;
      }
    },
  };
}

function findingOf(report: ReconcileReport): Finding {
  const { visited, running, waiting, failed, ticketed, settled, pruned, troubles } = report;
  const counts = `${visited} jobs: ${running} running, ${waiting.length} waiting, ${failed} failed`;
  const done = [
    ...(ticketed.length === 0 ? [] : [`gave a new ticket to ${ticketed.join(', ')}`]),
    ...settled.map(({ jobId, status }) => `${jobId} is ${status} now, as was asked`),
    ...pruned.map(({ jobId, checkpoints }) => `pruned ${checkpoints.length} checkpoints of ${jobId}`),
  ];
  const [trouble] = troubles;
  const facts = [counts, ...done].join('; ');
  if (trouble !== undefined)
    return warn(
      `${facts}; ${troubles.length} could not be looked after, as ${trouble.jobId}: ${trouble.message}`,
      `\`holdfast show ${trouble.jobId}\` tells more`,
    );
  if (!report.isComplete)
    return warn(
      `${facts}; the others had no turn in time`,
      'run `holdfast doctor` again: it begins elsewhere',
    );
  if (report.oldestCheckpointAgeMs > unsavedMsMax)
    return warn(
      `${facts}; a running job has saved nothing for ${Math.floor(report.oldestCheckpointAgeMs / 60_000)} minutes`,
      '`holdfast ls` shows its last checkpoint; `holdfast submit --save-every 10m` saves more often',
    );
  if (ticketed.length > 0)
    return warn(facts, '`holdfast fleet` shows whether a machine comes; nothing else is to be done');
  return pass(facts);
}
