/** The part of the fold that concerns checkpoints: what is retained, what must stay, where a resume begins. */
import type { EntryOf } from '../contract/journal-entry.ts';
import type { CheckpointRecord, JobState } from './job-state.ts';
import { strikesAfterCommit } from './strikes.ts';

/** A fork's server-side copy takes minutes; a day covers a command that is stopped and repeated the next morning. */
export const forkHoldMs: number = 24 * 3_600_000;

export function findCheckpoint(state: JobState, id: string): CheckpointRecord | undefined {
  return state.checkpoints.find((record) => record.id === id);
}

/**
 * From where an attempt may begin, best first: the newest good checkpoint, or the one that an operator rolled back to,
 * then older ones. Quarantined ones and those that a roll-back left behind are not among them. Empty although
 * `committed` is not 0: stop loudly, never start from step 0.
 */
export function resumeCandidates(state: JobState): readonly CheckpointRecord[] {
  const { checkpoints, resumeFrom } = state;
  const last =
    resumeFrom === null ? checkpoints.length - 1 : checkpoints.findIndex(({ id }) => id === resumeFrom);
  return checkpoints
    .slice(0, last + 1)
    .filter(
      (record) => record.quarantined === undefined && (record.setAside !== true || record.id === resumeFrom),
    )
    .toReversed();
}

/** Checkpoints that a fork still holds at the time `at`. */
export function heldByForks(state: JobState, at: string): ReadonlySet<string> {
  return new Set(unexpiredForks(state.forks, at).map(({ checkpoint }) => checkpoint));
}

/**
 * What nobody may drop at the time `at`: pinned, held by a fork, the roll-back's target, and where a resume would begin.
 * Where nothing is good the newest stays, since a quarantine may yet prove wrong.
 */
export function mustStay(state: JobState, at: string): ReadonlySet<string> {
  const next = resumeCandidates(state)[0] ?? state.checkpoints.at(-1);
  return new Set([
    ...state.checkpoints.filter(({ pinned }) => pinned).map(({ id }) => id),
    ...heldByForks(state, at),
    ...(next === undefined ? [] : [next.id]),
    ...(state.resumeFrom === null ? [] : [state.resumeFrom]),
  ]);
}

/** What somebody asked to prune and what need not stay: for the holder of the newest claim to drop. */
export function prunable(state: JobState): readonly string[] {
  const stay = mustStay(state, state.updatedAt ?? '');
  return state.requests.prune.filter((id) => !stay.has(id));
}

export function unexpiredForks(forks: JobState['forks'], at: string): JobState['forks'] {
  return forks.filter((fork) => Date.parse(at) - Date.parse(fork.at) < forkHoldMs);
}

export function foldCheckpoint(state: JobState, entry: EntryOf<'checkpoint'>, at: string): JobState {
  const { id, ordinal, manifest, step, epoch, example, reason, why, bytes, newBytes, elapsedMs, best } =
    entry;
  const record: CheckpointRecord = {
    id,
    claim: entry.claim ?? 0,
    ordinal,
    sequence: entry.sequence,
    manifest,
    step,
    epoch,
    example,
    reason,
    ...(why === undefined ? {} : { why }),
    bytes,
    newBytes,
    elapsedMs,
    at,
    ...(best === undefined ? {} : { best }),
    pinned: false,
  };
  const { totals, claim } = state;
  const committed: JobState = {
    ...state,
    checkpoints: [...afterRollBack(state), record],
    committed: state.committed + 1,
    resumeFrom: null,
    reachedStep: Math.max(state.reachedStep, step),
    claim: claim === null ? null : { ...claim, step: Math.max(claim.step ?? 0, step), ordinal },
    strikes: strikesAfterCommit(state.strikes, step),
    totals: {
      ...totals,
      checkpoints: totals.checkpoints + 1,
      bytes: totals.bytes + bytes,
      newBytes: totals.newBytes + newBytes,
    },
  };
  return withoutCheckpoints(committed, entry.drops);
}

/** The first commit after a roll-back makes it final: what was committed after its target is set aside. */
function afterRollBack({ checkpoints, resumeFrom }: JobState): readonly CheckpointRecord[] {
  if (resumeFrom === null) return checkpoints;
  const target = checkpoints.findIndex(({ id }) => id === resumeFrom);
  return checkpoints.map((record, index) => {
    const { setAside: _, ...kept } = record;
    if (index > target) return { ...kept, setAside: true };
    return index === target ? kept : record;
  });
}

/** Removes the records and everything that refers to them. */
export function withoutCheckpoints(state: JobState, ids: readonly string[]): JobState {
  if (ids.length === 0) return state;
  const dropped = new Set(ids);
  const isKept = (id: string): boolean => !dropped.has(id);
  return {
    ...state,
    checkpoints: state.checkpoints.filter(({ id }) => isKept(id)),
    resumeFrom: state.resumeFrom !== null && isKept(state.resumeFrom) ? state.resumeFrom : null,
    requests: { ...state.requests, prune: state.requests.prune.filter(isKept) },
    forks: state.forks.filter(({ checkpoint }) => isKept(checkpoint)),
  };
}

export function foldPin(state: JobState, entry: EntryOf<'pinned'> | EntryOf<'unpinned'>): JobState {
  const pinned = entry.kind === 'pinned';
  return withRecord(state, entry.checkpoint, (record) => ({ ...record, pinned }));
}

export function foldQuarantine(state: JobState, entry: EntryOf<'quarantined'>): JobState {
  return withRecord(state, entry.checkpoint, (record) => ({ ...record, quarantined: entry.why }));
}

/** What was found damaged has been verified again: it may be resumed from once more. */
export function foldQuarantineLifted(state: JobState, entry: EntryOf<'quarantine-lifted'>): JobState {
  return withRecord(state, entry.checkpoint, (record) => {
    const { quarantined: _, ...good } = record;
    return good;
  });
}

export function foldFork(state: JobState, entry: EntryOf<'forked'>, at: string): JobState {
  const { checkpoint, child } = entry;
  const others = state.forks.filter((fork) => fork.checkpoint !== checkpoint || fork.child !== child);
  return { ...state, forks: [...others, { checkpoint, child, at }] };
}

function withRecord(
  state: JobState,
  id: string,
  change: (record: CheckpointRecord) => CheckpointRecord,
): JobState {
  return {
    ...state,
    checkpoints: state.checkpoints.map((record) => (record.id === id ? change(record) : record)),
  };
}
