import { assert } from '../../lib/base/assert.ts';
import { UnfitError } from '../../lib/base/errors.ts';
import { auditJob, type Reference } from './audit-job.ts';
import type { Kind } from './kinds.ts';
import type { PlannedJob } from './plan-job.ts';
import { readEvidence } from './read-evidence.ts';
import { referenceOf } from './reference-of.ts';
import { soakJob, type SoakedJob, type Stage } from './soak-job.ts';

/** Of which program and seed a reference tells. */
export const referenceKey = ({ kind, seed }: { readonly kind: Kind; readonly seed: number }): string =>
  `${kind.name} ${seed}`;

/**
 * Runs each kind once with each seed on machines that nobody touches, and keeps what came out. These runs are audited too:
 * a reference that is wrong by itself would make a wrong run right.
 * @throws UnfitError when one of them is not in order
 */
export async function makeReferences(
  stage: Stage & { readonly recordsDir: string },
  options: { readonly kinds: readonly Kind[]; readonly seeds: number; readonly atOnce: number },
): Promise<ReadonlyMap<string, Reference>> {
  const references = new Map<string, Reference>();
  const waiting = options.kinds.flatMap((kind) =>
    Array.from({ length: options.seeds }, (_, at): PlannedJob => {
      const seed = at + 1;
      const jobId = `alone-${kind.name}-${seed}`;
      return { jobId, kind, seed, save: {}, keep: {}, act: 'nothing' };
    }),
  );
  const work = async (): Promise<void> => {
    for (let job = waiting.shift(); job !== undefined; job = waiting.shift()) {
      for (const done of await soakJob(inTime(stage), job))
        references.set(referenceKey(done), await auditedReference(stage, done));
    }
  };
  await Promise.all(Array.from({ length: options.atOnce }, work));
  return references;
}

/** A run that nobody touches takes seconds; one that takes so long is not served any more. */
const aloneMsMax = 180_000;

function inTime<Waiting extends Stage>(stage: Waiting): Waiting {
  return { ...stage, signal: AbortSignal.any([stage.signal, AbortSignal.timeout(aloneMsMax)]) };
}

async function auditedReference(
  { region, recordsDir }: Stage & { readonly recordsDir: string },
  { jobId, kind, state }: SoakedJob,
): Promise<Reference> {
  if (state.end === null)
    throw new UnfitError(`the run ${jobId}, which was left alone, did not come to its end.`, {
      hint: 'The folder of the soak holds `market.ndjson` and the log of every machine.',
    });
  const run = await readEvidence(region.store, { jobId, recordsDir });
  const reference = referenceOf(run);
  const { length } = reference.steps;
  const found = auditJob({ ...run, data: kind.data, reference, ends: ['completed'] });
  if (found.length > 0 || state.totals.claims !== 1)
    throw new UnfitError(
      `the run ${jobId}, which was left alone, is not in order: ${found[0]?.what ?? 'it was interrupted'}`,
    );
  assert(!kind.isRecorded || length === kind.steps, 'a run left alone notes each of its steps once', {
    jobId,
    steps: length,
  });
  return reference;
}
