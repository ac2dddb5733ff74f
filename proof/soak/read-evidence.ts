import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { unlessMissing } from '../../lib/base/file-errors.ts';
import { type EntryOf, type JournalEntry, parseEntry } from '../../lib/contract/journal-entry.ts';
import { parseManifest } from '../../lib/contract/manifest.ts';
import { objectKeys } from '../../lib/contract/object-keys.ts';
import { type StepRecord, stepRecordSchema } from '../../lib/contract/step-record.ts';
import type { ObjectStore } from '../../lib/store/object-store.ts';
import type { CheckpointEvidence } from './audit-checkpoint.ts';
import type { RunEvidence } from './audit-job.ts';
import type { AttemptRecord } from './audit-samples.ts';
import { JournalWalk } from './journal-walk.ts';

/** Everything that is left of a job in its store, and in the folder where trainers note their steps. */
export async function readEvidence(
  store: ObjectStore,
  { jobId, recordsDir }: { readonly jobId: string; readonly recordsDir: string },
): Promise<RunEvidence> {
  const entries = await readJournal(store, jobId);
  return {
    jobId,
    entries,
    checkpoints: await readKeptCheckpoints(store, jobId, entries),
    attempts: await readRecords(recordsDir, jobId),
  };
}

/** The journal of a job as it lies in the store, read slot by slot and by no hint. */
async function readJournal(store: ObjectStore, jobId: string): Promise<readonly JournalEntry[]> {
  const keys: string[] = [];
  for (let after: string | undefined = ''; after !== undefined;) {
    const page = await store.list(objectKeys.journal(jobId), after === '' ? {} : { after });
    keys.push(...page.objects.map(({ key }) => key));
    after = page.next;
  }
  const entries: JournalEntry[] = [];
  for (const key of keys.toSorted()) {
    const object = await store.get(key);
    if (object !== undefined) entries.push(parseEntry(object.body, key));
  }
  return entries;
}

/** Every checkpoint that the journal says is kept, with all its bytes: the programs of a soak are small. */
async function readKeptCheckpoints(
  store: ObjectStore,
  jobId: string,
  entries: readonly JournalEntry[],
): Promise<readonly CheckpointEvidence[]> {
  const walk = new JournalWalk();
  for (const entry of entries) walk.follow(entry);
  const kept = new Set(walk.kept.map(({ id }) => id));
  const commits = entries.filter((entry): entry is EntryOf<'checkpoint'> => entry.kind === 'checkpoint');
  const checkpoints: CheckpointEvidence[] = [];
  for (const committed of commits.filter(({ id }) => kept.has(id))) {
    const objects = new Map<string, Uint8Array>();
    const load = async (key: string): Promise<Uint8Array | undefined> => {
      const object = objects.has(key) ? undefined : await store.get(key);
      if (object !== undefined) objects.set(key, object.body);
      return objects.get(key);
    };
    const manifest = await load(committed.manifest.key);
    for (const key of manifest === undefined ? [] : chunkKeys(manifest, committed.manifest.key))
      await load(key);
    checkpoints.push({ jobId, committed, objects });
  }
  return checkpoints;
}

/** Keys that cannot be read are the audit's to tell: it reads the manifest again. */
function chunkKeys(manifest: Uint8Array, key: string): readonly string[] {
  try {
    return parseManifest(manifest, key).files.flatMap(({ chunks }) => chunks.map((chunk) => chunk.key));
  } catch {
    return [];
  }
}

/** What the attempts of a job noted of their steps: one file for each, named after its claim. */
async function readRecords(recordsDir: string, jobId: string): Promise<readonly AttemptRecord[]> {
  const dir = join(recordsDir, jobId);
  const attempts: AttemptRecord[] = [];
  for (const name of (await unlessMissing(readdir(dir))) ?? []) {
    const claim = /^(\d+)\.ndjson$/.exec(name)?.[1];
    if (claim === undefined) continue;
    attempts.push({ claim: Number(claim), records: parseRecords(await readFile(join(dir, name), 'utf8')) });
  }
  return attempts;
}

/** A kill may cut the last line: what follows the last line break was never whole. */
function parseRecords(text: string): readonly StepRecord[] {
  return text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => stepRecordSchema.parse(JSON.parse(line)));
}
