/** What to keep, as a pure function: the same facts always give the same decision. */
import type { KeepPolicySpec } from '../contract/job-spec.ts';
import type { CheckpointRecord } from '../journal/job-state.ts';

const hourMs = 3_600_000;

/**
 * Ids to drop, given all retained checkpoints in order of commit, the newest last. Usable is what is neither quarantined
 * nor set aside by a roll-back. Kept are, in any combination:
 * - pinned ones, whatever their state;
 * - the newest usable one, always;
 * - the `last` newest usable ones;
 * - with `everySteps`, the first usable one at or after each multiple;
 * - with `forHours`, usable ones that were committed less than that long before `at`;
 * - with `best`, the newest usable one that was the best so far when it was saved.
 *
 * What is not usable counts for none of these. It stays until `last` usable ones were committed after it, so that
 * `checkpoints verify` can still lift a quarantine and an operator can still go back on a roll-back.
 * @param at time of the journal's newest entry, ISO 8601: ages are told by the journal alone, so that no machine's clock
 * decides what is deleted. An age that cannot be told keeps.
 */
export function keepPolicy(
  records: readonly CheckpointRecord[],
  spec: KeepPolicySpec,
  at: string,
): readonly string[] {
  const usable = records.filter(isUsable);
  const kept = new Set<CheckpointRecord | undefined>([
    ...records.filter((record) => record.pinned),
    ...usable.slice(-Math.max(1, spec.last)),
    ...(spec.everySteps === undefined ? [] : firstAtMultiples(usable, spec.everySteps)),
    ...(spec.forHours === undefined ? [] : youngerThan(usable, spec.forHours * hourMs, at)),
    ...(spec.best ? [bestOf(records)] : []),
    ...records.filter((record, index) => !isUsable(record) && countUsableAfter(records, index) < spec.last),
  ]);
  return records.filter((record) => !kept.has(record)).map((record) => record.id);
}

/** Neither quarantined nor set aside by a roll-back. */
export function isUsable(record: CheckpointRecord): boolean {
  return record.quarantined === undefined && record.setAside !== true;
}

/** The newest usable one that was the best so far when it was saved. */
export function bestOf(records: readonly CheckpointRecord[]): CheckpointRecord | undefined {
  return records.findLast((record) => isUsable(record) && isBest(record));
}

/** A metric that is not a number compares with nothing, so it can be no best. */
function isBest(record: CheckpointRecord): boolean {
  return record.best !== undefined && Number.isFinite(record.best.value);
}

function youngerThan(
  usable: readonly CheckpointRecord[],
  ageMs: number,
  at: string,
): readonly CheckpointRecord[] {
  const nowMs = Date.parse(at);
  // Written so that a time which cannot be read, whose difference is no number, keeps the checkpoint.
  return usable.filter((record) => !(nowMs - Date.parse(record.at) >= ageMs));
}

function countUsableAfter(records: readonly CheckpointRecord[], index: number): number {
  return records.slice(index + 1).filter(isUsable).length;
}

/** Saves seldom fall on a multiple exactly (a notice, a number of seconds), so the first one past it stands for it. */
function firstAtMultiples(
  usable: readonly CheckpointRecord[],
  interval: number,
): readonly CheckpointRecord[] {
  const multipleOf = (record: CheckpointRecord | undefined): number =>
    record === undefined ? 0 : Math.floor(record.step / interval);
  return usable.filter((record, index) => multipleOf(record) > multipleOf(usable[index - 1]));
}
