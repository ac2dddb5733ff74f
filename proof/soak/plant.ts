import { sha256Hex } from '../../lib/base/digest.ts';
import {
  type EntryFacts,
  type EntryKind,
  type EntryOf,
  type JournalEntry,
  journalEntrySchema,
} from '../../lib/contract/journal-entry.ts';
import { type Manifest, parseManifest } from '../../lib/contract/manifest.ts';
import type { JobEvidence } from './audit-job.ts';
import type { CheckpointEvidence } from './audit-checkpoint.ts';
import type { AttemptRecord, Step } from './audit-samples.ts';

/** Puts a fault into what is left of a job; undefined where the job gives no room for it. */
export type Plant = (evidence: JobEvidence) => JobEvidence | undefined;

/** The last entry of a kind. */
export function lastOf<Kind extends EntryKind>(
  entries: readonly JournalEntry[],
  kind: Kind,
): EntryOf<Kind> | undefined {
  return entries.findLast((entry): entry is EntryOf<Kind> => entry.kind === kind);
}

/** The last entry of a kind says something else. */
export function entryChanged<Kind extends EntryKind>(
  kind: Kind,
  change: (entry: EntryOf<Kind>, entries: readonly JournalEntry[]) => JournalEntry | undefined,
): Plant {
  return (evidence) => {
    const { entries } = evidence;
    const entry = lastOf(entries, kind);
    const planted = entry && change(entry, entries);
    if (entry === undefined || planted === undefined) return undefined;
    return { ...evidence, entries: entries.with(entries.indexOf(entry), planted) };
  };
}

/** One more entry stands after the last, of the same owner unless told otherwise. */
export function entryAdded(
  make: (
    entries: readonly JournalEntry[],
  ) => (EntryFacts & Partial<Pick<JournalEntry, 'claim' | 'nonce'>>) | undefined,
): Plant {
  return (evidence) => {
    const { entries } = evidence;
    const last = entries.at(-1);
    const facts = make(entries);
    if (last === undefined || facts === undefined) return undefined;
    const { format, at, sequence, claim } = last;
    const envelope = { format, at, claim, nonce: `planted-${sequence}` };
    const planted = journalEntrySchema.parse({ ...envelope, ...facts, sequence: sequence + 1 });
    return { ...evidence, entries: [...entries, planted] };
  };
}

/** An object of the last checkpoint that is kept holds other bytes, or is gone. */
export function objectBent(
  what: 'manifest' | 'chunk',
  bend: (bytes: Uint8Array) => Uint8Array | undefined,
): Plant {
  return (evidence) => {
    const last = evidence.checkpoints.at(-1);
    if (last === undefined) return undefined;
    const { key: manifest } = last.committed.manifest;
    const key = [...last.objects.keys()].find((one) => (one === manifest) === (what === 'manifest'));
    if (key === undefined) return undefined;
    const objects = new Map(last.objects);
    const bytes = bend(objects.get(key) ?? new Uint8Array());
    if (bytes === undefined) objects.delete(key);
    else objects.set(key, bytes);
    return withLast(evidence, { ...last, objects });
  };
}

/** The journal says something else of the last checkpoint that is kept. */
export function checkpointChanged(
  change: (committed: CheckpointEvidence['committed']) => CheckpointEvidence['committed'],
): Plant {
  return (evidence) => {
    const last = evidence.checkpoints.at(-1);
    return last && withLast(evidence, { ...last, committed: change(last.committed) });
  };
}

/** The manifest of the last checkpoint that is kept is another one, with a digest that fits. */
export function manifestForged(forge: (manifest: Manifest) => Manifest): Plant {
  return (evidence) => {
    const last = evidence.checkpoints.at(-1);
    if (last === undefined) return undefined;
    const { key } = last.committed.manifest;
    const body = last.objects.get(key);
    if (body === undefined) return undefined;
    const forged = new TextEncoder().encode(JSON.stringify(forge(parseManifest(body, key))));
    const committed = { ...last.committed, manifest: { key, sha256: sha256Hex(forged) } };
    return withLast(evidence, { ...last, committed, objects: new Map(last.objects).set(key, forged) });
  };
}

/** The steps that the last attempt noted are others. */
export function stepsChanged(change: (steps: readonly Step[]) => readonly Step[]): Plant {
  return (evidence) => {
    const last = lastOf(evidence.entries, 'restored')?.claim;
    const attempt = evidence.attempts.find(({ claim }) => claim === last);
    const steps = attempt?.records.filter((record): record is Step => record.kind === 'step') ?? [];
    if (attempt === undefined || steps.length < 2) return undefined;
    const planted: AttemptRecord = { claim: attempt.claim, records: change(steps) };
    return { ...evidence, attempts: evidence.attempts.map((one) => (one === attempt ? planted : one)) };
  };
}

function withLast(evidence: JobEvidence, last: CheckpointEvidence): JobEvidence {
  return { ...evidence, checkpoints: [...evidence.checkpoints.slice(0, -1), last] };
}
