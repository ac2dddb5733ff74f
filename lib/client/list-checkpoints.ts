import { bestOf } from '../checkpoint/keep-policy.ts';
import { heldByForks, mustStay, resumeCandidates } from '../journal/fold-checkpoints.ts';
import type { CheckpointRecord, JobState } from '../journal/job-state.ts';

/** What is particular about a checkpoint. */
export type CheckpointMark =
  /** A resume would begin here. */
  | 'newest'
  /** The newest that was the best of the program's metric when it was saved. */
  | 'best'
  | 'pinned'
  /** Damaged, or taken for it: used for nothing until the quarantine is lifted. */
  | 'quarantined'
  /** An operator's roll-back went behind it: resumed from only when named. */
  | 'set aside'
  /** Another job is being made from it. */
  | 'held by a fork'
  /** Somebody asked to prune it; the holder of the newest claim answers. */
  | 'to be pruned';

export interface ListedCheckpoint extends CheckpointRecord {
  readonly marks: readonly CheckpointMark[];
  /** Nobody may drop it now: pinned, held by a fork, or where a resume would begin. */
  readonly mustStay: boolean;
}

/** The checkpoints that are kept, in order of commit, each with what is particular about it. Pure: a journal's state tells it all. */
export function listCheckpoints(state: JobState): readonly ListedCheckpoint[] {
  const at = state.updatedAt ?? '';
  const newest = resumeCandidates(state)[0];
  const best = bestOf(state.checkpoints);
  const held = heldByForks(state, at);
  const stay = mustStay(state, at);
  const marksOf = (record: CheckpointRecord): readonly CheckpointMark[] => [
    ...(record === newest ? (['newest'] as const) : []),
    ...(record === best ? (['best'] as const) : []),
    ...(record.pinned ? (['pinned'] as const) : []),
    ...(record.quarantined === undefined ? [] : (['quarantined'] as const)),
    ...(record.setAside === true ? (['set aside'] as const) : []),
    ...(held.has(record.id) ? (['held by a fork'] as const) : []),
    ...(state.requests.prune.includes(record.id) ? (['to be pruned'] as const) : []),
  ];
  return state.checkpoints.map((record) => ({
    ...record,
    marks: marksOf(record),
    mustStay: stay.has(record.id),
  }));
}
