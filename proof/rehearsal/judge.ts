import type { JournalEntry } from '../../lib/contract/journal-entry.ts';
import { describeEvent } from '../../lib/ledger/describe-event.ts';
import { type Goodput, goodputOf } from '../../lib/ledger/goodput.ts';
import { timeline } from '../../lib/ledger/timeline.ts';
import { filesOf } from '../soak/audit-checkpoint.ts';
import { auditJob, type RunEvidence } from '../soak/audit-job.ts';
import { sampleLedger } from '../soak/audit-samples.ts';
import type { Finding } from '../soak/finding.ts';
import { referenceOf } from '../soak/reference-of.ts';
import { attemptsOf, type RehearsedAttempt } from './attempts-of.ts';
import { digestOfFiles } from './compare-results.ts';
import type { Act } from './conduct.ts';
import { type EpochCount, epochsOf, shapeOf } from './epochs-of.ts';
import type { FaultNote } from './fault-log.ts';

export interface RehearsalEvidence {
  readonly scenario: { readonly name: string; readonly about: string };
  readonly seed: number;
  /** Events of the scenario, and how many of them were done before the job was over. */
  readonly planned: number;
  readonly done: number;
  readonly acts: readonly Act[];
  readonly faults: readonly FaultNote[];
  readonly alone: RunEvidence;
  readonly rehearsed: RunEvidence;
  readonly now: Date;
}

/** Something that happened, in seconds since the job was submitted. */
export interface Happening {
  readonly atSeconds: number;
  /** `machine`: done to a machine by the scenario. `job`: told by the journal. */
  readonly of: 'machine' | 'job';
  readonly what: string;
}

/** What a rehearsal has come to. */
export interface Rehearsal {
  readonly scenario: string;
  readonly about: string;
  readonly seed: number;
  /** Nothing was lost, repeated or different. */
  readonly passed: boolean;
  readonly findings: readonly Omit<Finding, 'jobId'>[];
  /** Steps of the result. */
  readonly steps: number;
  /** Steps that were made more than once, since what had made them was lost. Null where nobody noted steps: a command. */
  readonly stepsLost: number | null;
  readonly planned: number;
  readonly done: number;
  /** Machines that were lost, were told so, or stood still. */
  readonly interruptions: number;
  readonly attempts: readonly RehearsedAttempt[];
  /** Of the steps that made the result; empty for a program without data. */
  readonly epochs: readonly EpochCount[];
  readonly goodput: Goodput;
  readonly aloneSeconds: number;
  readonly happenings: readonly Happening[];
  /** How often each kind of fault was met, as `store lost-answer`. */
  readonly faults: Readonly<Record<string, number>>;
  readonly digest: string | null;
  readonly aloneDigest: string | null;
}

const interrupts: ReadonlySet<Act['kind']> = new Set(['kill', 'notice', 'freeze']);

/** Holds what is left of a rehearsed job to everything that is promised, and to the run that was left alone. */
export function judge(evidence: RehearsalEvidence): Rehearsal {
  const { scenario, seed, planned, done, acts, faults, alone, rehearsed, now } = evidence;
  const { entries, attempts } = rehearsed;
  const findings = [...heldTo(alone, rehearsed), ...whyFailed(entries)];
  const { line, computed } = sampleLedger(entries, attempts);
  const isNoted = attempts.length > 0;
  return {
    scenario: scenario.name,
    about: scenario.about,
    seed,
    passed: findings.length === 0,
    findings,
    steps: entries.findLast((entry) => entry.kind === 'completed')?.step ?? line.length,
    stepsLost: isNoted ? computed - line.length : null,
    planned,
    done,
    interruptions: new Set(
      acts.filter(({ kind }) => interrupts.has(kind)).map(({ instanceId }) => instanceId),
    ).size,
    attempts: attemptsOf(entries, attempts),
    epochs: epochsOf(line),
    goodput: goodputOf(entries, now),
    aloneSeconds: goodputOf(alone.entries, now).wallSeconds,
    happenings: happeningsOf(entries, acts),
    faults: countsOf(faults),
    digest: digestOf(rehearsed),
    aloneDigest: digestOf(alone),
  };
}

/** Where a run breaks what is promised, or is not what the run was that was left alone. */
export function heldTo(alone: RunEvidence, run: RunEvidence): readonly Omit<Finding, 'jobId'>[] {
  const reference = referenceOf(alone);
  const found = auditJob({ ...run, data: shapeOf(reference.steps), reference, ends: ['completed'] });
  return found.map(({ rule, what }) => ({ rule, what }));
}

function whyFailed(entries: readonly JournalEntry[]): readonly Omit<Finding, 'jobId'>[] {
  const failed = entries.findLast((entry) => entry.kind === 'failed');
  if (failed === undefined) return [];
  const why =
    failed.reason === 'strikes'
      ? 'it was given up, since one attempt after the other died before it had saved anything; leave it more time between interruptions, or save more often'
      : `it failed (${failed.reason})`;
  return [{ rule: 'every job ends', what: `${why}: ${failed.message}` }];
}

function digestOf({ entries, checkpoints }: RunEvidence): string | null {
  const completed = entries.findLast((entry) => entry.kind === 'completed');
  const last = checkpoints.find(({ committed }) => committed.id === completed?.checkpoint);
  const files = last && filesOf(last);
  return files === undefined
    ? null
    : digestOfFiles(Object.entries(files).map(([path, digest]) => ({ path, digest })));
}

function happeningsOf(entries: readonly JournalEntry[], acts: readonly Act[]): readonly Happening[] {
  const startMs = Date.parse(entries[0]?.at ?? '');
  const since = (ms: number): number => Math.round(ms - startMs) / 1_000;
  const ofJob = timeline(entries).map((event): Happening => ({
    atSeconds: since(Date.parse(event.at)),
    of: 'job',
    what: describeEvent(event),
  }));
  const ofMachines = acts.map(({ at, instanceId, what }): Happening => ({
    atSeconds: since(at.getTime()),
    of: 'machine',
    what: `${instanceId}: ${what}`,
  }));
  return [...ofJob, ...ofMachines].toSorted((one, other) => one.atSeconds - other.atSeconds);
}

function countsOf(faults: readonly FaultNote[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { where, what } of faults) counts[`${where} ${what}`] = (counts[`${where} ${what}`] ?? 0) + 1;
  return counts;
}
