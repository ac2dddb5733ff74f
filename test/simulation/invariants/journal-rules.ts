/** What must hold of an entry that has just landed, given everything before it. Each rule tells how it was broken, or nothing. */
import type { JobRecord, RawEntry } from './job-record.ts';

export interface Landing {
  readonly key: string;
  readonly entry: RawEntry;
  readonly atMs: number;
}

export type JournalRule = (record: JobRecord, landing: Landing) => string | undefined;

/** Slots follow one another, and each says which one it is. */
export const slotsFollowOneAnother: JournalRule = (record, { key, entry }) => {
  const next = record.entries.length + 1;
  return entry.sequence === next && key.endsWith(`/${String(next).padStart(20, '0')}.json`)
    ? undefined
    : `${key} (which says that it is slot ${entry.sequence}) landed where slot ${next} was due`;
};

const ownersKinds: ReadonlySet<string> = new Set([
  'restored',
  'checkpoint',
  'released',
  'completed',
  'failed',
  'paused',
  'cancelled',
  'pruned',
]);

/** One owner at a time: what an owner writes bears the newest claim, and `failed` alone may follow the end of its attempt. */
export const oneOwnerAtATime: JournalRule = ({ newestClaim, claim }, { entry }) => {
  const { kind, sequence } = entry;
  if (kind === 'claimed') return entry.claim === sequence ? undefined : `a claim names itself ${entry.claim}`;
  if (!ownersKinds.has(kind)) return undefined;
  if (entry.claim !== newestClaim)
    return `${kind} of claim ${entry.claim}, while ${newestClaim} is the newest`;
  const mayFollow = kind === 'failed' || kind === 'pruned';
  return claim === undefined && !mayFollow
    ? `${kind} of claim ${entry.claim}, whose attempt has ended`
    : undefined;
};

/** A job ends once. After that nobody trains, and only a failed or paused one goes on, when a person asks for it. */
export const aJobEndsOnce: JournalRule = ({ status, isUnfinishedFork }, { entry }) => {
  if (status === 'runnable')
    return isUnfinishedFork && entry.kind === 'completed'
      ? 'a fork without its first checkpoint completed'
      : undefined;
  const isTraining = ['restored', 'checkpoint', 'completed', 'failed', 'paused'].includes(entry.kind);
  if (isTraining) return `${entry.kind} of a job that is ${status}`;
  if (entry.kind === 'cancelled' && status !== 'paused') return `cancelled although the job is ${status}`;
  if (entry.kind === 'resume-requested' && (status === 'completed' || status === 'cancelled'))
    return `resumed although the job is ${status}`;
  return undefined;
};

/** Whoever reads why a job failed finds a reason; whoever asked for nothing is answered nothing. */
export const endsHaveAReason: JournalRule = ({ pauseAsked, cancelAsked }, { entry }) => {
  const { kind, reason = '', message = '' } = entry;
  if (kind === 'failed' && (reason === '' || message === '')) return 'failed without a reason';
  if (kind === 'completed' && reason === '') return 'completed without a reason';
  if (kind === 'paused' && !pauseAsked) return 'paused although nobody asked for it';
  return kind === 'cancelled' && !cancelAsked ? 'cancelled although nobody asked for it' : undefined;
};

/** No commit takes the name of another one, and ordinals grow within a claim: nothing committed is overwritten by name. */
export const namesAreNew: JournalRule = ({ known, claim }, { entry }) => {
  const { kind, id = '', ordinal = 0, step } = entry;
  if (kind !== 'checkpoint') return undefined;
  if (id !== `${entry.claim}-${ordinal}-step${step}`) return `${id} is not named by its facts`;
  if (known.has(id)) return `${id} was committed before`;
  return ordinal > (claim?.ordinal ?? 0) ? undefined : `${id} follows ordinal ${claim?.ordinal}`;
};

/** An attempt begins at the newest good checkpoint of its line, and afresh only where there is no history. */
export const beginsAtTheNewestGood: JournalRule = (record, { entry }) => {
  if (entry.kind !== 'restored') return undefined;
  if (record.claim?.restoredFrom !== undefined) return 'restored twice in one attempt';
  const { checkpoint = null, step } = entry;
  if (checkpoint === null) {
    if (record.known.size > 0) return `a fresh start after ${record.known.size} checkpoints`;
    if (record.isUnfinishedFork) return 'a fresh start of a fork';
    return step === 0 ? undefined : `a fresh start at step ${step}`;
  }
  const found = record.find(checkpoint);
  if (found === undefined) return `restored ${checkpoint}, which is not retained`;
  if (found.quarantined) return `restored ${checkpoint}, which is quarantined`;
  if (found.step !== step) return `restored ${checkpoint} at step ${step}`;
  // A roll-back leaves behind what was committed after its target.
  if (!record.candidates.includes(found))
    return `restored ${checkpoint}, which is not on the line to resume from`;
  // A newer one may have been taken for damaged at the time, and been found whole since.
  const better = record.candidates.find(
    ({ sequence, everQuarantined }) => sequence > found.sequence && !everQuarantined,
  );
  return better === undefined ? undefined : `restored ${checkpoint} although ${better.id} is newer and good`;
};

/** Steps never go back in a committed line: within an attempt, from a checkpoint to the one made from it, at the end. */
export const stepsNeverGoBack: JournalRule = ({ claim, known }, { entry }) => {
  const { kind, step = 0, reason } = entry;
  if (kind === 'checkpoint') {
    if (claim?.step === undefined)
      return reason === 'fork' ? undefined : `a commit at step ${step} before the attempt began`;
    return step >= claim.step ? undefined : `a commit at step ${step} after step ${claim.step}`;
  }
  if (kind !== 'completed') return undefined;
  const result = known.get(entry.checkpoint ?? '');
  if (result === undefined) return `completed with ${entry.checkpoint}, which was never committed`;
  if (result.step !== step) return `completed at step ${step} with a checkpoint of step ${result.step}`;
  return step >= (claim?.step ?? 0) ? undefined : `completed at step ${step} after step ${claim?.step}`;
};

/** A result is retained and good. */
export const resultsAreGood: JournalRule = (record, { entry }) => {
  if (entry.kind !== 'completed') return undefined;
  const result = record.find(entry.checkpoint ?? '');
  if (result === undefined) return `completed with ${entry.checkpoint}, which is not retained`;
  return result.quarantined ? `completed with ${entry.checkpoint}, which is quarantined` : undefined;
};

/** What is pinned, held by a fork, or the place where a resume would begin is dropped by nobody. */
export const keepsWhatMustStay: JournalRule = (record, { entry }) => {
  if (entry.kind !== 'pruned' && entry.kind !== 'checkpoint') return undefined;
  const gone = entry.kind === 'pruned' ? (entry.checkpoints ?? []) : (entry.drops ?? []);
  const atMs = Math.max(record.writtenMs, Date.parse(entry.at));
  // From a commit on a resume begins at the new checkpoint, so that the place before may go.
  const stays =
    entry.kind === 'pruned' ? record.mustStay(atMs) : new Set([...record.held(atMs), entry.id ?? '']);
  const wrong = gone.filter((id) => stays.has(id));
  return wrong.length === 0 ? undefined : `${entry.kind} dropped ${wrong.join(', ')}, which must stay`;
};

/** A claim is never taken from an owner that has only just claimed: whoever does that has not looked at the newest slot. */
export const aFreshOwnerIsLeftAlone =
  (livenessMs: number): JournalRule =>
  ({ claim, status }, { entry, atMs }) => {
    if (entry.kind !== 'claimed' || claim === undefined || status !== 'runnable') return undefined;
    // Who makes a fork takes over from nobody, and whoever tidies up is gone in a moment.
    if (entry.instance?.type === 'operator' && claim.instanceType === 'operator') return undefined;
    const ageMs = atMs - claim.landedMs;
    return ageMs >= livenessMs
      ? undefined
      : `claim ${claim.token} was taken away ${ageMs} ms after it landed`;
  };

/** A fork's first checkpoint comes before any attempt of a worker. */
export const forksWaitForTheirFirst: JournalRule = ({ isUnfinishedFork }, { entry }) =>
  isUnfinishedFork && entry.kind === 'claimed' && entry.instance?.type !== 'operator'
    ? 'a worker claimed a fork before its first checkpoint'
    : undefined;

/** The entry as a reader would take it, or undefined for bytes that are none. */
export function readEntry(body: Uint8Array): RawEntry | undefined {
  try {
    return JSON.parse(new TextDecoder().decode(body)) as RawEntry;
  } catch {
    return undefined;
  }
}
