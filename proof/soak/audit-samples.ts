import type { JournalEntry } from '../../lib/contract/journal-entry.ts';
import type { StepRecord } from '../../lib/contract/step-record.ts';
import type { Finding } from './finding.ts';

/** What one attempt noted of its steps. */
export interface AttemptRecord {
  readonly claim: number;
  readonly records: readonly StepRecord[];
}

export type Step = Extract<StepRecord, { kind: 'step' }>;

/** The data of a program. */
export interface DataShape {
  readonly examples: number;
  readonly batchSize: number;
  readonly lastBatch: 'keep' | 'drop';
}

export interface SampleEvidence {
  readonly jobId: string;
  readonly entries: readonly JournalEntry[];
  readonly attempts: readonly AttemptRecord[];
  /** Undefined for a program without data. */
  readonly data: DataShape | undefined;
  /** Of a run that was left alone, from step 0 on. */
  readonly reference: readonly Step[];
}

export const sampleRules = [
  'every step is on the line once',
  'every example once per epoch',
  'every step saw the same examples',
  'every step made the same numbers',
] as const;

type Rule = (typeof sampleRules)[number];

export interface SampleLedger {
  /** The steps that made the result, in order; what was done again or thrown away is not among them. */
  readonly line: readonly Step[];
  /** Steps that were computed in all, lost ones included. */
  readonly computed: number;
}

/**
 * Cuts the records of all attempts along the journal: what an attempt did beyond the checkpoint from which the next one began
 * is lost, and no part of the result.
 */
export function sampleLedger(
  entries: readonly JournalEntry[],
  attempts: readonly AttemptRecord[],
): SampleLedger {
  const stepsOf = new Map(attempts.map(({ claim, records }) => [claim, records.filter(isStep)]));
  let line: Step[] = [];
  for (const entry of entries) {
    // The journal alone says where an attempt began and where the result ends.
    if (entry.kind === 'restored' || entry.kind === 'completed')
      line = line.filter(({ step }) => step <= entry.step);
    if (entry.kind === 'restored') line.push(...(stepsOf.get(entry.claim ?? 0) ?? []));
  }
  return { line, computed: [...stepsOf.values()].reduce((sum, steps) => sum + steps.length, 0) };
}

/** Whether the line is every step once, over the examples and with the numbers of a run that was left alone. */
export function auditSamples(evidence: SampleEvidence): readonly Finding[] {
  const { jobId, entries, attempts, data, reference } = evidence;
  const { line } = sampleLedger(entries, attempts);
  const completed = entries.find((entry) => entry.kind === 'completed');
  const findings: Finding[] = [];
  const tell = (rule: Rule, what: string | undefined): void => {
    if (what !== undefined) findings.push({ jobId, rule, what });
  };
  const from = beginningOf(entries);
  // Of a job that was stopped on the way nobody knows the last step, but no other may be missing.
  tell('every step is on the line once', gapIn(line, from, completed?.step ?? from + line.length));
  if (data !== undefined) tell('every example once per epoch', repeatedIn(line, data));
  const expected = new Map(reference.map((step) => [step.step, step]));
  tell(
    'every step saw the same examples',
    differenceIn(line, expected, ({ epoch, examples }) => JSON.stringify([epoch, examples])),
  );
  tell(
    'every step made the same numbers',
    differenceIn(line, expected, ({ metrics }) => JSON.stringify(metrics)),
  );
  return findings;
}

const isStep = (record: StepRecord): record is Step => record.kind === 'step';

/** A fork begins where its parent's checkpoint was. */
function beginningOf(entries: readonly JournalEntry[]): number {
  const [first] = entries;
  return first?.kind === 'submitted' ? (first.forkedFrom?.step ?? 0) : 0;
}

function gapIn(line: readonly Step[], from: number, to: number): string | undefined {
  const wrong = line.findIndex(({ step }, index) => step !== from + index + 1);
  if (wrong >= 0) return `place ${from + wrong + 1} holds step ${line[wrong]?.step}`;
  return line.length === to - from ? undefined : `${line.length} steps from ${from} to ${to}`;
}

/** An epoch that the line holds from its first step on must have every example once; any other none twice. */
function repeatedIn(line: readonly Step[], data: DataShape): string | undefined {
  const { examples, batchSize, lastBatch } = data;
  const perEpoch = lastBatch === 'keep' ? examples : Math.floor(examples / batchSize) * batchSize;
  const first = line[0]?.step === 1 ? -1 : line[0]?.epoch;
  const last = line.at(-1)?.epoch;
  for (const epoch of new Set(line.map((step) => step.epoch))) {
    const seen = line.flatMap((step) => (step.epoch === epoch ? (step.examples ?? []) : []));
    const distinct = new Set(seen).size;
    if (distinct < seen.length) return `${seen.length - distinct} examples twice in epoch ${epoch}`;
    if (epoch !== first && epoch !== last && seen.length !== perEpoch)
      return `${seen.length} of ${perEpoch} examples in epoch ${epoch}`;
  }
  return undefined;
}

function differenceIn(
  line: readonly Step[],
  expected: ReadonlyMap<number, Step>,
  view: (step: Step) => string,
): string | undefined {
  for (const step of line) {
    const other = expected.get(step.step);
    if (other === undefined) return `step ${step.step} is not in the run that was left alone`;
    if (view(step) !== view(other)) return `step ${step.step}: ${view(step)}, alone ${view(other)}`;
  }
  return undefined;
}
