import { silentLog } from '../base/log.ts';
import { type VerifiedCheckpoint, verifyCheckpoints as verify } from '../checkpoint/verify-checkpoints.ts';
import { findCheckpoint, resumeCandidates } from '../journal/fold-checkpoints.ts';
import type { CheckpointRecord, JobState } from '../journal/job-state.ts';
import type { Journal } from '../journal/journal.ts';
import { liftQuarantine, quarantineCheckpoint } from '../journal/requests.ts';
import { findCheckpointByName } from './find-checkpoint.ts';
import { operator } from './operator.ts';
import { openExistingJob } from './read-job.ts';
import type { Region } from './region.ts';

export interface VerifyChoice {
  /** Ids, `step120`, `best`; none: where a resume would begin. */
  readonly checkpoints?: readonly string[];
  /** Every checkpoint that is kept, quarantined ones too. */
  readonly all?: boolean;
  /** Lift the quarantine of what turns out whole. */
  readonly lift?: boolean;
  /** Quarantine what turns out damaged, so that it no longer counts for the keep policy and no resume tries it. */
  readonly quarantine?: boolean;
  readonly signal: AbortSignal;
  /** Called with the stored bytes read so far, and all that there are to read. */
  readonly onProgress?: (readBytes: number, totalBytes: number) => void;
}

export interface CheckedCheckpoint extends VerifiedCheckpoint {
  /** What was written to the journal about it. */
  readonly noted: 'quarantined' | 'quarantine-lifted' | undefined;
}

export interface VerifyReport {
  readonly checkpoints: readonly CheckedCheckpoint[];
  /** Dropped while they were read; nobody is to blame. */
  readonly dropped: readonly string[];
}

/**
 * Reads checkpoints whole and compares every byte with what was committed; beside training, at any status of the job.
 * Writes nothing unless told to lift or to quarantine.
 * @throws NotFoundError for an unknown job or name, and where there is nothing to verify
 */
export async function verifyCheckpoints(
  region: Region,
  jobId: string,
  choice: VerifyChoice,
): Promise<VerifyReport> {
  const { store, clock, random } = region;
  const { signal, onProgress, lift = false, quarantine = false } = choice;
  const journal = await openExistingJob(region, jobId);
  const records = chosen(journal.state, choice);
  const ports = { store, clock, random, log: silentLog };
  const verified = await verify(ports, { jobId, records, signal, onProgress });
  // What was dropped meanwhile is gone for a good reason.
  const state = await journal.refresh({ signal });
  const isThere = ({ record }: VerifiedCheckpoint): boolean => findCheckpoint(state, record.id) !== undefined;
  const checkpoints: CheckedCheckpoint[] = [];
  for (const each of verified.filter(isThere)) {
    checkpoints.push({ ...each, noted: await note(journal, each, { lift, quarantine }) });
  }
  return { checkpoints, dropped: verified.filter((each) => !isThere(each)).map(({ record }) => record.id) };
}

function chosen(
  state: JobState,
  { checkpoints = [], all = false }: VerifyChoice,
): readonly CheckpointRecord[] {
  if (checkpoints.length > 0) {
    const ids = new Set(checkpoints.map((name) => findCheckpointByName(state, name).id));
    return state.checkpoints.filter(({ id }) => ids.has(id));
  }
  // Where nothing is good everything is looked at: a quarantine may prove wrong.
  const newest = resumeCandidates(state)[0];
  if (all || newest === undefined) {
    return state.checkpoints.length > 0 ? state.checkpoints : [findCheckpointByName(state, 'latest')];
  }
  return [newest];
}

async function note(
  journal: Journal,
  { record, verdict }: VerifiedCheckpoint,
  { lift, quarantine }: { readonly lift: boolean; readonly quarantine: boolean },
): Promise<CheckedCheckpoint['noted']> {
  const { id: checkpoint } = record;
  if (verdict.verdict === 'good' && lift) {
    const { entry } = await liftQuarantine(journal, { checkpoint, by: operator() });
    return entry === undefined ? undefined : 'quarantine-lifted';
  }
  if (verdict.verdict === 'damaged' && quarantine) {
    const { keys: chunks, why } = verdict;
    const { entry } = await quarantineCheckpoint(journal, { checkpoint, chunks, why });
    return entry === undefined ? undefined : 'quarantined';
  }
  return undefined;
}
