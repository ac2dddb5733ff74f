/** What must hold of a fork and the job that it came from. */
import type { JobRecord, RawEntry } from './job-record.ts';

/** A child exists only while its parent's journal holds the checkpoint for it: nobody drops that while it is copied. */
export function forksAreHeld(
  records: ReadonlyMap<string, JobRecord>,
  child: string,
  entry: RawEntry,
): string | undefined {
  const from = entry.kind === 'submitted' ? entry.forkedFrom : undefined;
  if (from === undefined) return undefined;
  const parent = records.get(from.jobId);
  const isHeld = parent?.forks.some((fork) => fork.child === child && fork.checkpoint === from.checkpoint);
  return isHeld === true
    ? undefined
    : `it is a fork of ${from.checkpoint}, which ${from.jobId} does not hold for it`;
}

/** A child begins with the very checkpoint that it was asked to begin with. */
export function forksBeginWhereTheyWereAsked(
  { forkedFrom, known }: JobRecord,
  entry: RawEntry,
): string | undefined {
  if (forkedFrom === undefined || entry.kind !== 'checkpoint' || known.size > 0) return undefined;
  if (entry.reason !== 'fork') return `a fork's first checkpoint was saved for ${entry.reason}`;
  return entry.step === forkedFrom.step
    ? undefined
    : `a fork of ${forkedFrom.checkpoint} begins with step ${entry.step}`;
}
