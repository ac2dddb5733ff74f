import type { JournalEntry } from '../../lib/contract/journal-entry.ts';
import type { ObjectStore } from '../../lib/store/object-store.ts';
import type { CheckpointEvidence } from '../soak/audit-checkpoint.ts';
import type { AttemptRecord } from '../soak/audit-samples.ts';
import { readJournal, readKeptCheckpoints, readRecords } from '../soak/read-evidence.ts';
import { recordsDirOf } from './rehearsal-region.ts';

/** What is left of a job when it is over. */
export interface RunEvidence {
  readonly jobId: string;
  /** The whole journal. */
  readonly entries: readonly JournalEntry[];
  /** Those that are kept, with all their bytes. */
  readonly checkpoints: readonly CheckpointEvidence[];
  /** What each attempt noted of its steps; empty for a command. */
  readonly attempts: readonly AttemptRecord[];
}

/** @param dir folder of the rehearsal's region */
export async function readRun(store: ObjectStore, dir: string, jobId: string): Promise<RunEvidence> {
  const entries = await readJournal(store, jobId);
  return {
    jobId,
    entries,
    checkpoints: await readKeptCheckpoints(store, jobId, entries),
    attempts: await readRecords(recordsDirOf(dir), jobId),
  };
}
