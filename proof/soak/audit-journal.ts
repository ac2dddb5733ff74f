import type { EntryKind, JournalEntry } from '../../lib/contract/journal-entry.ts';
import { checkpointIdOf } from '../../lib/contract/object-keys.ts';
import { fold, foldEntry, initialState } from '../../lib/journal/fold.ts';
import { checkState } from '../../lib/journal/state-invariants.ts';
import type { Finding } from './finding.ts';
import { JournalWalk, type WalkedEnd } from './journal-walk.ts';

export interface JournalEvidence {
  readonly jobId: string;
  /** As they lie in the store, in order of their keys. */
  readonly entries: readonly JournalEntry[];
  /** How the job had to end. */
  readonly end: WalkedEnd;
}

/** Tells how an entry breaks the rule after what was read so far, or nothing. */
type Rule = (walk: JournalWalk, entry: JournalEntry) => string | undefined;

const ownersKinds: ReadonlySet<EntryKind> = new Set<EntryKind>([
  'restored',
  'checkpoint',
  'released',
  'completed',
  'failed',
  'paused',
  'cancelled',
  'pruned',
]);

const kindsOfAnAttempt: ReadonlySet<EntryKind> = new Set<EntryKind>([
  'restored',
  'checkpoint',
  'released',
  'completed',
  'paused',
  'cancelled',
]);

const kindsOfTraining: ReadonlySet<EntryKind> = new Set<EntryKind>([
  'restored',
  'checkpoint',
  'completed',
  'failed',
  'paused',
  'cancelled',
]);

const rules: Readonly<Record<string, Rule>> = {
  'slots have no gap': ({ slots }, { sequence }) =>
    sequence === slots + 1 ? undefined : `after slot ${slots} comes slot ${sequence}`,

  'no entry stands twice': ({ nonces }, { nonce }) =>
    nonces.has(nonce) ? `the nonce ${nonce} was there before` : undefined,

  'submitted once, and first': ({ slots }, { kind }) => {
    if (kind === 'submitted') return slots === 0 ? undefined : 'submitted again';
    return slots === 0 ? `the journal begins with ${kind}` : undefined;
  },

  'one owner writes at a time': ({ newestClaim }, { kind, claim, sequence }) => {
    if (kind === 'claimed')
      return claim === sequence ? undefined : `the claim of slot ${sequence} names ${claim}`;
    return !ownersKinds.has(kind) || claim === newestClaim
      ? undefined
      : `${kind} of claim ${claim}, the newest is ${newestClaim}`;
  },

  'owners write within their attempt': ({ attempt }, { kind }) =>
    kindsOfAnAttempt.has(kind) && attempt === undefined ? `${kind} after the attempt had ended` : undefined,

  'an attempt begins once': ({ attempt }, { kind }) => {
    if (kind !== 'restored' || attempt === undefined) return undefined;
    if (attempt.restored !== undefined) return 'restored twice in one attempt';
    return attempt.ordinal > 0 ? 'restored after a commit of the same attempt' : undefined;
  },

  'no committed work is lost': (walk, entry) => {
    if (entry.kind !== 'restored') return undefined;
    const { newestGood, isFork, newest } = walk;
    const began = entry.checkpoint === null ? 'afresh' : `from ${entry.checkpoint} at step ${entry.step}`;
    if (newestGood === undefined) {
      if (newest !== undefined) return `began ${began} although nothing good is left`;
      if (isFork) return `a fork began ${began} before it had a checkpoint`;
      return entry.checkpoint === null && entry.step === 0 ? undefined : `began ${began} without history`;
    }
    return entry.checkpoint === newestGood.id && entry.step === newestGood.step
      ? undefined
      : `began ${began}, the newest good checkpoint is ${newestGood.id}`;
  },

  'steps never go back': ({ attempt }, entry) => {
    if (entry.kind !== 'checkpoint' && entry.kind !== 'completed') return undefined;
    const before = attempt?.step ?? 0;
    return entry.step >= before ? undefined : `${entry.kind} at step ${entry.step} after ${before}`;
  },

  'a checkpoint has a name of its own': ({ named, attempt }, entry) => {
    if (entry.kind !== 'checkpoint') return undefined;
    const { id, ordinal, step, claim } = entry;
    if (named.has(id)) return `${id} was committed before`;
    if (id !== checkpointIdOf({ claim: claim ?? 0, ordinal, step })) return `${id} is not named by its facts`;
    const before = attempt?.ordinal ?? 0;
    return ordinal > before ? undefined : `${id} follows ordinal ${before}`;
  },

  'only what is kept is named': (walk, entry) => {
    const unknown = namedBy(entry).filter((id) => walk.find(id) === undefined);
    return unknown.length === 0 ? undefined : `${entry.kind} names ${unknown.join(', ')}, which is not kept`;
  },

  'nothing is dropped that must stay': (walk, entry) => {
    const drops =
      entry.kind === 'checkpoint' ? entry.drops : entry.kind === 'pruned' ? entry.checkpoints : [];
    const best = entry.kind === 'checkpoint' ? entry.id : walk.newestGood?.id;
    const bad = drops.filter(
      (id) => id === best || walk.find(id)?.pinned === true || walk.held.has(id) || id === walk.rolledBackTo,
    );
    return bad.length === 0 ? undefined : `${entry.kind} drops ${bad.join(', ')}`;
  },

  'nothing trains after the end': ({ end, paused }, { kind }) => {
    const over = end ?? (paused && kind !== 'cancelled' ? 'paused' : undefined);
    return over !== undefined && kindsOfTraining.has(kind) ? `${kind} after it was ${over}` : undefined;
  },

  'a job stops when asked to': ({ asked }, { kind }) => {
    if (kind === 'paused' && !asked.pause) return 'paused, and nobody asked for it';
    return kind === 'cancelled' && !asked.cancel ? 'cancelled, and nobody asked for it' : undefined;
  },

  'a result is the newest checkpoint': (walk, entry) => {
    if (entry.kind !== 'completed') return undefined;
    const { newest = 'none' } = walk;
    return entry.checkpoint === newest && walk.find(newest)?.step === entry.step
      ? undefined
      : `completed by ${entry.checkpoint} at step ${entry.step}, the newest is ${newest}`;
  },

  'no attempt ends by a fault': (_walk, entry) => {
    if (entry.kind === 'released' && (entry.cause === 'error' || entry.cause === 'hung'))
      return `released as ${entry.cause}: ${entry.message.slice(0, 200)}`;
    return entry.kind === 'quarantined' ? `quarantined ${entry.checkpoint}: ${entry.why}` : undefined;
  },
};

const everyJobEnds = 'every job ends';
const theFoldAgrees = 'the fold agrees';

/** Every rule that a journal is held to. */
export const journalRules: readonly string[] = [...Object.keys(rules), everyJobEnds, theFoldAgrees];

/**
 * Holds a whole journal to what a journal promises. An entry that breaks a rule is told, and read on over as if it were right:
 * one fault may bring others with it.
 */
export function auditJournal({ jobId, entries, end }: JournalEvidence): readonly Finding[] {
  const walk = new JournalWalk();
  const findings: Finding[] = [];
  const tell = (rule: string, what: string): void => void findings.push({ jobId, rule, what });
  for (const entry of entries) {
    for (const [name, rule] of Object.entries(rules)) {
      const broken = rule(walk, entry);
      if (broken !== undefined) tell(name, `slot ${entry.sequence}: ${broken}`);
    }
    walk.follow(entry);
  }
  const ended = walk.end ?? (walk.paused ? 'paused' : walk.attempt === undefined ? 'waiting' : 'running');
  if (ended !== end) tell(everyJobEnds, `it is ${ended} and not ${end}`);
  if (walk.end !== undefined && walk.attempt !== undefined)
    tell(everyJobEnds, `claim ${walk.attempt.claim} is open after the end`);
  for (const what of disagreements(entries, walk)) tell(theFoldAgrees, what);
  return findings;
}

function namedBy(entry: JournalEntry): readonly string[] {
  if (entry.kind === 'resume-requested') return entry.from === undefined ? [] : [entry.from];
  if (entry.kind === 'checkpoint') return entry.drops;
  if (entry.kind === 'pruned') return entry.checkpoints;
  return 'checkpoint' in entry && entry.checkpoint !== null ? [entry.checkpoint] : [];
}

/** Where the fold that workers use sees something else, or states that its own invariants forbid. */
function disagreements(entries: readonly JournalEntry[], walk: JournalWalk): readonly string[] {
  // Folded slot by slot only where there is no gap: the fold takes nothing else.
  if (entries.some(({ sequence }, index) => sequence !== index + 1)) return [];
  const broken = new Set<string>();
  let state = initialState('');
  for (const entry of entries) {
    state = foldEntry(state, entry);
    for (const why of checkState(state)) broken.add(`after slot ${entry.sequence}: ${why}`);
  }
  const { ignored, checkpoints, newestClaim, end } = fold(entries);
  const folded = checkpoints.map(({ id }) => id).join(' ');
  const walked = walk.kept.map(({ id }) => id).join(' ');
  return [
    ...broken,
    ...ignored.last.map(({ sequence, why }) => `slot ${sequence} means nothing: ${why}`),
    ...(folded === walked ? [] : [`it keeps ${folded || 'nothing'}, the audit ${walked || 'nothing'}`]),
    ...(newestClaim === walk.newestClaim ? [] : [`its newest claim is ${newestClaim}`]),
    ...(end?.kind === walk.end ? [] : [`it ended as ${end?.kind ?? 'nothing'}`]),
  ];
}
