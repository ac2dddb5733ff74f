import { filesOf } from './audit-checkpoint.ts';
import type { Reference, RunEvidence } from './audit-job.ts';
import { sampleLedger } from './audit-samples.ts';

/**
 * What a run that was left alone says of every other run of the same. Its steps are those of its result: nobody touched it,
 * but a busy machine may have lost the job all the same.
 */
export function referenceOf({ entries, checkpoints, attempts }: RunEvidence): Reference {
  const last = checkpoints.at(-1);
  const completed = entries.findLast((entry) => entry.kind === 'completed');
  return {
    files: (last && filesOf(last)) ?? {},
    steps: sampleLedger(entries, attempts).line,
    metrics: completed?.metrics ?? {},
  };
}
