import { sha256Hex } from '../../lib/base/digest.ts';
import type { Region } from '../../lib/client/region.ts';
import type { JournalEntry } from '../../lib/contract/journal-entry.ts';
import { manifestSchema } from '../../lib/contract/manifest.ts';
import { objectKeys } from '../../lib/contract/object-keys.ts';
import { foldEntry, initialState } from '../../lib/journal/fold.ts';
import { checkInvariants } from '../../lib/journal/invariants.ts';
import type { JobState } from '../../lib/journal/job-state.ts';
import { openJournal } from '../../lib/journal/journal.ts';

/** A job that is over, as its store tells it. */
export interface TrainedJob {
  readonly state: JobState;
  readonly entries: readonly JournalEntry[];
  /** Digest of every file of the final checkpoint. */
  readonly files: Readonly<Record<string, string>>;
  /** What must not have happened, in words: work that is lost or stands twice. */
  readonly wrong: readonly string[];
}

/** Reads a job's whole history from its slots, and holds it against every promise that can be seen from outside. */
export async function readTrainedJob(region: Region, jobId: string): Promise<TrainedJob> {
  const { store } = region;
  const journal = await openJournal(region, jobId);
  const entries: JournalEntry[] = [];
  for await (const entry of journal.entries()) entries.push(entry);
  const { objects } = await store.list(objectKeys.journal(jobId));
  const slots = entries.map((_, at) => objectKeys.journalEntry(jobId, at + 1));
  const wrong = [
    ...(slots.join() === objects.map(({ key }) => key).join() ? [] : ['the slots have gaps']),
    ...brokenRules(jobId, entries),
    ...unevenCommits(entries),
  ];
  const final = journal.state.checkpoints.at(-1);
  const manifest = final === undefined ? undefined : await store.get(final.manifest.key);
  if (final === undefined || manifest === undefined || sha256Hex(manifest.body) !== final.manifest.sha256)
    throw new Error(`the final checkpoint of ${jobId} is not what was committed`);
  const { files } = manifestSchema.parse(JSON.parse(new TextDecoder().decode(manifest.body)));
  return {
    state: journal.state,
    entries,
    files: Object.fromEntries(files.map(({ path, digest }) => [path, digest])),
    wrong,
  };
}

function brokenRules(jobId: string, entries: readonly JournalEntry[]): readonly string[] {
  const wrong: string[] = [];
  let state = initialState(jobId);
  for (const entry of entries) {
    wrong.push(...checkInvariants(state, entry).map((broken) => `slot ${entry.sequence}: ${broken}`));
    state = foldEntry(state, entry);
  }
  return wrong;
}

/**
 * Each attempt goes on from the newest commit, so that committed steps only grow: none is lost, none is committed twice. One
 * step may stand for two reasons, as the last one: by the policy, and as the end with the result of the evaluation.
 */
function unevenCommits(entries: readonly JournalEntry[]): readonly string[] {
  const wrong: string[] = [];
  const seen = new Set<string>();
  let committed = 0;
  for (const entry of entries) {
    if (entry.kind === 'restored' && entry.step !== committed)
      wrong.push(`an attempt began at step ${entry.step}, but ${committed} was committed`);
    if (entry.kind !== 'checkpoint') continue;
    const name = `step ${entry.step} (${entry.reason})`;
    if (seen.has(name)) wrong.push(`${name} was committed twice`);
    if (entry.step < committed) wrong.push(`${name} was committed after ${committed}`);
    seen.add(name);
    committed = entry.step;
  }
  const ends = entries.filter(({ kind }) => kind === 'completed');
  if (ends.length !== 1) wrong.push(`completed ${ends.length} times`);
  return wrong;
}
