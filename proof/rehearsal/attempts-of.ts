import type { EntryOf, JournalEntry } from '../../lib/contract/journal-entry.ts';
import type { AttemptRecord } from '../soak/audit-samples.ts';

/** One claim of a job, by the steps that it made. */
export interface RehearsedAttempt {
  readonly claim: number;
  readonly instanceId: string;
  /** Undefined where it never came to train. */
  readonly fromStep: number | undefined;
  /** The last step that it made. */
  readonly toStep: number;
  /** The last of them that the result stands on; those after it were made again by others. */
  readonly keptStep: number;
  /** As `completed`, `interrupted`, or `silent` for one that never said so. */
  readonly ended: string;
}

/** The attempts of a whole journal, oldest first, with what each noted of its own steps. */
export function attemptsOf(
  entries: readonly JournalEntry[],
  records: readonly AttemptRecord[],
): readonly RehearsedAttempt[] {
  const restored = entries.filter((entry) => entry.kind === 'restored');
  return entries
    .filter((entry) => entry.kind === 'claimed')
    .filter(({ instance }) => instance.type !== 'operator')
    .map(({ sequence: claim, instance }) => {
      const fromStep = restored.find((entry) => entry.claim === claim)?.step;
      const toStep = Math.max(fromStep ?? 0, stepsNoted(records, claim), committedBy(entries, claim));
      const later = restored.filter((entry) => (entry.claim ?? 0) > claim).map(({ step }) => step);
      return {
        claim,
        instanceId: instance.id,
        fromStep,
        toStep,
        keptStep: Math.max(fromStep ?? 0, Math.min(toStep, ...later)),
        ended: endOf(entries, claim),
      };
    });
}

function stepsNoted(records: readonly AttemptRecord[], claim: number): number {
  const noted = records
    .find((record) => record.claim === claim)
    ?.records.findLast(({ kind }) => kind === 'step');
  return noted?.step ?? 0;
}

/** All that is known of a command's steps. */
function committedBy(entries: readonly JournalEntry[], claim: number): number {
  const isOurs = (entry: JournalEntry): entry is EntryOf<'checkpoint'> =>
    entry.kind === 'checkpoint' && entry.claim === claim;
  return entries.findLast(isOurs)?.step ?? 0;
}

function endOf(entries: readonly JournalEntry[], claim: number): string {
  for (const entry of entries) {
    if (entry.claim !== claim) continue;
    if (entry.kind === 'released') return entry.cause;
    if (entry.kind === 'completed' || entry.kind === 'failed' || entry.kind === 'paused') return entry.kind;
  }
  return 'silent';
}
