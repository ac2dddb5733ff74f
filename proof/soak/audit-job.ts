import type { JournalEntry } from '../../lib/contract/journal-entry.ts';
import { auditCheckpoint, type CheckpointEvidence, checkpointRules, filesOf } from './audit-checkpoint.ts';
import { auditJournal, journalRules } from './audit-journal.ts';
import { type AttemptRecord, auditSamples, sampleRules, type DataShape, type Step } from './audit-samples.ts';
import type { Finding } from './finding.ts';
import type { WalkedEnd } from './journal-walk.ts';

/** What a run that was left alone made of the same program and seed. */
export interface Reference {
  /** Digests of the files of its last checkpoint, by path. */
  readonly files: Readonly<Record<string, string>>;
  /** Empty for a program whose steps nobody notes. */
  readonly steps: readonly Step[];
  /** Of its last evaluation. */
  readonly metrics: Readonly<Record<string, number>>;
}

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

export interface JobEvidence extends RunEvidence {
  readonly data: DataShape | undefined;
  readonly reference: Reference;
  /** How it may have ended. */
  readonly ends: readonly WalkedEnd[];
}

export const resultRules = ['a result is that of a run left alone'] as const;

/** Every rule that a job is held to. */
export const jobRules: readonly string[] = [
  ...journalRules,
  ...checkpointRules,
  ...sampleRules,
  ...resultRules,
];

/** Holds everything that is left of a job to what is promised. Nothing found: nothing was lost. */
export function auditJob(evidence: JobEvidence): readonly Finding[] {
  const { jobId, entries, checkpoints, attempts, data, reference, ends } = evidence;
  const [first = 'completed'] = ends;
  const end = ends.find((kind) => entries.some((entry) => entry.kind === kind)) ?? first;
  // A run that noted nothing although it could shows nothing: only of a command nobody expects any.
  const recorded = reference.steps.length > 0 || attempts.length > 0;
  return [
    ...auditJournal({ jobId, entries, end }),
    ...checkpoints.flatMap(auditCheckpoint),
    ...(recorded ? auditSamples({ jobId, entries, attempts, data, reference: reference.steps }) : []),
    ...auditResult(evidence),
  ];
}

function auditResult({ jobId, entries, checkpoints, reference }: JobEvidence): readonly Finding[] {
  const rule = resultRules[0];
  const completed = entries.findLast((entry) => entry.kind === 'completed');
  if (completed === undefined) return [];
  const last = checkpoints.find(({ committed }) => committed.id === completed.checkpoint);
  if (last === undefined) return [{ jobId, rule, what: `${completed.checkpoint} is not kept` }];
  const files = filesOf(last) ?? {};
  const paths = [...new Set([...Object.keys(files), ...Object.keys(reference.files)])];
  const different = paths.filter((path) => files[path] !== reference.files[path]);
  const names = [...new Set([...Object.keys(completed.metrics), ...Object.keys(reference.metrics)])];
  const metrics = names.filter((name) => !Object.is(completed.metrics[name], reference.metrics[name]));
  return [
    ...different.map((path) => ({ jobId, rule, what: `${path} differs` })),
    ...metrics.map((name) => ({
      jobId,
      rule,
      what: `${name} is ${completed.metrics[name]}, alone ${reference.metrics[name]}`,
    })),
  ];
}
