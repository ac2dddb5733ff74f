/**
 * What holds between a state and the entry that follows it, as named functions: each tells in words how an entry
 * breaks it, or nothing.
 *
 * Two kinds. A *rule of meaning* decides whether an entry says anything: readers skip one that breaks it, and report it.
 * It can only change together with the document's format, since it decides how existing journals read. A *duty of
 * writers* binds new entries only and may grow stricter: readers fold what breaks it. `append` checks both before
 * anything is written.
 */
import { checkpointIdOf } from '../contract/object-keys.ts';
import type { EntryKind, JournalEntry } from '../contract/journal-entry.ts';
import { findCheckpoint, heldByForks, mustStay, resumeCandidates } from './fold-checkpoints.ts';
import type { JobState } from './job-state.ts';
import { isClaimable, isFinished, isUnfinishedFork } from './status.ts';

export type Invariant = (state: JobState, entry: JournalEntry) => string | undefined;

export const slotsAreContiguous: Invariant = (state, entry) =>
  entry.sequence === state.sequence + 1
    ? undefined
    : `slot ${entry.sequence} does not follow slot ${state.sequence}`;

export const journalBeginsWithItsOnlySubmission: Invariant = (state, entry) => {
  if (entry.kind === 'submitted') return state.sequence === 0 ? undefined : 'the job was submitted before';
  return state.submittedAt === null ? `${entry.kind} before the job was submitted` : undefined;
};

/** Written by the owner of a claim alone. The other kinds may come from anybody. */
const ownersKinds: ReadonlySet<EntryKind> = new Set<EntryKind>([
  'claimed',
  'restored',
  'checkpoint',
  'released',
  'completed',
  'failed',
  'paused',
  'cancelled',
  'pruned',
]);

/** The fence: once a newer claim stands, nothing that an older attempt writes means anything. */
export const ownersEntryBearsTheNewestClaim: Invariant = (state, { kind, claim, sequence }) => {
  if (kind === 'claimed') {
    return claim === sequence ? undefined : `a claim names itself, not ${claim}`;
  }
  if (claim === null) return ownersKinds.has(kind) ? `${kind} without a claim` : undefined;
  return claim === state.newestClaim
    ? undefined
    : `${kind} of claim ${claim}, but the newest is ${state.newestClaim}`;
};

export const claimOnlyWhenThereIsWork: Invariant = (state, { kind }) =>
  kind !== 'claimed' || isClaimable(state) || state.requests.prune.length > 0
    ? undefined
    : `claimed although the job is ${state.status}`;

const attemptKinds: ReadonlySet<EntryKind> = new Set<EntryKind>([
  'restored',
  'checkpoint',
  'released',
  'completed',
  'paused',
  'cancelled',
]);

/** `released`, `paused` and the ends close an attempt; what belongs to an attempt comes before that. */
export const attemptIsOpen: Invariant = (state, { kind }) =>
  attemptKinds.has(kind) && state.claim === null ? `${kind} although the attempt has ended` : undefined;

const trainingKinds: ReadonlySet<EntryKind> = new Set<EntryKind>([
  'restored',
  'checkpoint',
  'completed',
  'failed',
  'paused',
]);

/** Hence also: `completed` at most once. */
export const nothingTrainsAfterTheEnd: Invariant = (state, { kind }) =>
  trainingKinds.has(kind) && isFinished(state.status)
    ? `${kind} although the job is ${state.status}`
    : undefined;

export const requestFitsTheState: Invariant = (state, entry) => {
  const { status } = state;
  const { kind } = entry;
  if (kind === 'pause-requested') {
    return isFinished(status) ? `${kind} although the job is ${status}` : undefined;
  }
  if (kind === 'cancel-requested' || kind === 'cancelled') {
    return isFinished(status) && status !== 'paused' ? `${kind} although the job is ${status}` : undefined;
  }
  if (kind !== 'resume-requested') return undefined;
  if (state.requests.cancel) return `${kind} although the job is being cancelled`;
  if (status === 'completed' || status === 'cancelled') return `${kind} although the job is ${status}`;
  const revises = entry.spec !== undefined || entry.from !== undefined;
  return status === 'running' && revises ? 'a running job was to be revised' : undefined;
};

/** Nothing retained, and nothing that is said from now on, refers to what was dropped. */
export const namesARetainedCheckpoint: Invariant = (state, entry) => {
  const id = checkpointNamedBy(entry);
  return id === undefined || findCheckpoint(state, id) !== undefined
    ? undefined
    : `${entry.kind} names ${id}, which is not retained`;
};

function checkpointNamedBy(entry: JournalEntry): string | undefined {
  if (entry.kind === 'resume-requested') return entry.from;
  // A checkpoint's own entry names none by this word, and `restored` names null for a fresh start.
  return 'checkpoint' in entry ? (entry.checkpoint ?? undefined) : undefined;
}

/** A checkpoint is named by its claim, ordinal and step, and ordinals grow within a claim: no name is used twice. */
export const checkpointIsNew: Invariant = (state, entry) => {
  if (entry.kind !== 'checkpoint') return undefined;
  const { id, ordinal, step, claim } = entry;
  if (id !== checkpointIdOf({ claim: claim ?? 0, ordinal, step }))
    return `checkpoint ${id} is not named by its facts`;
  const before = state.claim?.ordinal ?? 0;
  return ordinal > before ? undefined : `checkpoint ${id} follows ordinal ${before}`;
};

const rulesOfMeaning: readonly Invariant[] = [
  slotsAreContiguous,
  journalBeginsWithItsOnlySubmission,
  ownersEntryBearsTheNewestClaim,
  claimOnlyWhenThereIsWork,
  attemptIsOpen,
  nothingTrainsAfterTheEnd,
  requestFitsTheState,
  namesARetainedCheckpoint,
  checkpointIsNew,
];

/**
 * Within an attempt a commit is never behind where the attempt began or what it has committed. An attempt that has not
 * said where it began is held to the newest good checkpoint: that is what catches a silent start from step 0.
 */
export const stepsNeverDecrease: Invariant = (state, entry) => {
  if (entry.kind !== 'checkpoint' && entry.kind !== 'completed') return undefined;
  const before = state.claim?.step ?? resumeCandidates(state)[0]?.step ?? 0;
  return entry.step >= before ? undefined : `${entry.kind} at step ${entry.step} after step ${before}`;
};

/** An attempt begins once, at a good checkpoint and at its very step; afresh only while nothing was ever committed. */
export const restoresWhatWasCommitted: Invariant = (state, entry) => {
  if (entry.kind !== 'restored') return undefined;
  const { checkpoint, step } = entry;
  if (state.claim?.restored !== undefined) return 'restored twice in one attempt';
  if (state.claim?.ordinal !== undefined) return 'restored after a commit of the same attempt';
  if (checkpoint === null) {
    if (state.committed > 0) return 'a fresh start although the job has checkpoints';
    if (isUnfinishedFork(state)) return 'a fresh start although the job is a fork';
    return step === 0 ? undefined : `a fresh start at step ${step}`;
  }
  const record = findCheckpoint(state, checkpoint);
  if (record?.quarantined !== undefined) return `restored ${checkpoint}, which is quarantined`;
  return record === undefined || record.step === step
    ? undefined
    : `restored ${checkpoint} at step ${step}, which is of step ${record.step}`;
};

/** Pinned checkpoints, those that a fork holds and the one where a resume would begin are never dropped. */
export const keepsWhatMustStay: Invariant = (state, entry) => {
  if (entry.kind === 'pruned') {
    const stays = mustStay(state, entry.at);
    return naming(
      'pruned',
      entry.checkpoints.filter((id) => stays.has(id)),
    );
  }
  if (entry.kind !== 'checkpoint') return undefined;
  // The new checkpoint is where a resume begins from now on, so that the one before it may go.
  const pinned = state.checkpoints.filter((record) => record.pinned).map(({ id }) => id);
  const stays = new Set([...pinned, ...heldByForks(state, entry.at), entry.id]);
  return naming(
    'dropped',
    entry.drops.filter((id) => stays.has(id)),
  );
};

const naming = (verb: string, ids: readonly string[]): string | undefined =>
  ids.length === 0 ? undefined : `${verb} ${ids.join(', ')}, which must stay`;

export const endsAsRequested: Invariant = (state, { kind }) => {
  if (kind === 'paused' && !state.requests.pause) return 'paused although nobody asked for it';
  if (kind === 'cancelled' && !state.requests.cancel) return 'cancelled although nobody asked for it';
  return undefined;
};

/** What a job's result, a fork and a roll-back rest on is not damaged. */
export const restsOnAGoodCheckpoint: Invariant = (state, entry) => {
  if (entry.kind !== 'completed' && entry.kind !== 'forked' && entry.kind !== 'resume-requested')
    return undefined;
  const id = checkpointNamedBy(entry);
  const why = id === undefined ? undefined : findCheckpoint(state, id)?.quarantined;
  return why === undefined ? undefined : `${entry.kind} rests on ${id}, which is quarantined: ${why}`;
};

/** To lift a quarantine says that the bytes were verified again: whoever says it has found one to lift. */
export const liftsAQuarantine: Invariant = (state, entry) => {
  if (entry.kind !== 'quarantine-lifted') return undefined;
  const record = findCheckpoint(state, entry.checkpoint);
  return record === undefined || record.quarantined !== undefined
    ? undefined
    : `lifted the quarantine of ${entry.checkpoint}, which has none`;
};

const dutiesOfWriters: readonly Invariant[] = [
  stepsNeverDecrease,
  restoresWhatWasCommitted,
  keepsWhatMustStay,
  endsAsRequested,
  restsOnAGoodCheckpoint,
  liftsAQuarantine,
];

/** Why readers skip the entry, or undefined for one that means something. */
export function whyVoid(state: JobState, entry: JournalEntry): string | undefined {
  for (const rule of rulesOfMeaning) {
    const why = rule(state, entry);
    if (why !== undefined) return why;
  }
  return undefined;
}

/** How the entry would break the rules for new entries; empty when it may be written. */
export function checkInvariants(state: JobState, entry: JournalEntry): readonly string[] {
  return [...rulesOfMeaning, ...dutiesOfWriters].flatMap((invariant) => invariant(state, entry) ?? []);
}
