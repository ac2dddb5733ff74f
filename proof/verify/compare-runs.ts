import type { StepRecord } from '../../lib/contract/step-record.ts';
import type { Divergence } from './divergence.ts';

/** What one process noted. */
export interface Leg {
  readonly records: readonly StepRecord[];
  /** The interruption that it came after, in words; of the first process of a run: what it is. */
  readonly after: string;
  /** Step of the checkpoint that it began from; null: it began afresh. */
  readonly resumedFromStep: number | null;
}

/** Bits of metrics, or digests of state, by name. */
type Named = Readonly<Record<string, string>>;

type Kind = Divergence['kind'];

type Seen = Pick<Divergence, 'step' | 'after' | 'resumedFromStep'>;

/**
 * The first thing in which an interrupted run differs from one that was left alone; undefined when there is none. Steps
 * that were lost with their process count as well: they too must be the ones of the other run.
 * @param reference complete: to the last step that is compared
 * @param legs the processes of one run in order
 */
export function compareRuns(
  reference: readonly StepRecord[],
  legs: readonly Leg[],
  options: { /** The last of them came to its end. */ readonly isComplete: boolean },
): Divergence | undefined {
  const known = knownOf(reference);
  for (const leg of legs) {
    for (const record of leg.records) {
      const divergence = compareRecord(known, record, leg);
      if (divergence !== undefined) return divergence;
    }
  }
  const last = legs.at(-1);
  return options.isComplete && last !== undefined ? compareEnds(known, last) : undefined;
}

interface Known {
  readonly steps: ReadonlyMap<number, Extract<StepRecord, { kind: 'step' }>>;
  readonly states: ReadonlyMap<number, Named>;
  readonly evaluations: ReadonlyMap<number, Named>;
  readonly lastStep: number;
}

function knownOf(reference: readonly StepRecord[]): Known {
  const steps = new Map<number, Extract<StepRecord, { kind: 'step' }>>();
  const states = new Map<number, Named>();
  const evaluations = new Map<number, Named>();
  for (const record of reference) {
    if (record.kind === 'step') steps.set(record.step, record);
    if (record.kind === 'evaluation') evaluations.set(record.step, record.metrics);
    else if (record.state !== undefined) states.set(record.step, record.state);
  }
  return { steps, states, evaluations, lastStep: reference.at(-1)?.step ?? 0 };
}

function compareRecord(
  known: Known,
  record: StepRecord,
  { after, resumedFromStep }: Leg,
): Divergence | undefined {
  const { step } = record;
  const seen = { step, after, resumedFromStep };
  if (record.kind === 'began') {
    const kind = record.resumed ? 'restored-state' : 'state';
    return compareNamed(kind, { ...seen, expected: known.states.get(step), found: record.state });
  }
  if (record.kind === 'evaluation') {
    const expected = known.evaluations.get(step);
    if (expected === undefined) return lengthDivergence(seen, 'no evaluation', 'an evaluation');
    return compareNamed('evaluation', { ...seen, expected, found: record.metrics });
  }
  const expected = known.steps.get(step);
  if (expected === undefined) return lengthDivergence(seen, `an end after step ${known.lastStep}`, 'a step');
  return (
    compareExamples(expected, record, seen) ??
    compareNamed('metric', { ...seen, expected: expected.metrics, found: record.metrics }) ??
    compareNamed('state', { ...seen, expected: known.states.get(step), found: record.state })
  );
}

type StepOf = Extract<StepRecord, { kind: 'step' }>;

function compareExamples(expected: StepOf, found: StepOf, seen: Seen): Divergence | undefined {
  const [one, other] = [expected, found].map(({ epoch, examples }) =>
    examples === null ? 'none' : `epoch ${epoch}: ${shortList(examples)}`,
  );
  const isSame =
    expected.epoch === found.epoch && JSON.stringify(expected.examples) === JSON.stringify(found.examples);
  if (isSame) return undefined;
  return {
    ...seen,
    kind: 'examples',
    component: 'examples',
    all: ['examples'],
    expected: one ?? '',
    found: other ?? '',
  };
}

/** The names of the reference come first, in its order. */
function compareNamed(
  kind: Kind,
  runs: Seen & { readonly expected: Named | undefined; readonly found: Named | undefined },
): Divergence | undefined {
  const { expected, found, ...seen } = runs;
  // Not asked for at this step, in one of the runs.
  if (expected === undefined || found === undefined) return undefined;
  const names = new Set([...Object.keys(expected), ...Object.keys(found)]);
  const all = [...names].filter((name) => expected[name] !== found[name]);
  const [component] = all;
  if (component === undefined) return undefined;
  const [one, other] = [expected, found].map((run) => tell(kind, run[component]));
  return { ...seen, kind, component, all, expected: one ?? '', found: other ?? '' };
}

function compareEnds(known: Known, { records, after, resumedFromStep }: Leg): Divergence | undefined {
  const step = records.at(-1)?.step ?? 0;
  const seen = { step, after, resumedFromStep };
  if (step < known.lastStep)
    return lengthDivergence(seen, `${known.lastStep} steps`, `an end after step ${step}`);
  const evaluated = new Set(records.filter(({ kind }) => kind === 'evaluation').map((one) => one.step));
  const begin = records[0]?.step ?? 0;
  const missed = [...known.evaluations.keys()].find((at) => at > begin && !evaluated.has(at));
  if (missed === undefined) return undefined;
  return lengthDivergence({ ...seen, step: missed }, 'an evaluation', 'no evaluation');
}

function lengthDivergence(seen: Seen, expected: string, found: string): Divergence {
  const component = [expected, found].some((what) => what.includes('evaluation')) ? 'evaluations' : 'steps';
  return { ...seen, kind: 'length', component, all: [component], expected, found };
}

function tell(kind: Kind, value: string | undefined): string {
  if (value === undefined) return 'nothing';
  if (kind === 'metric' || kind === 'evaluation') return String(numberOf(value));
  return `SHA-256 ${value.slice(0, 12)}…`;
}

/** The number that has these bits (`step-record.ts`). Different bits are shown as different digits. */
export function numberOf(bits: string): number {
  return Buffer.from(bits, 'hex').readDoubleBE();
}

/** A batch may have thousands. */
const examplesShownMax = 6;

function shortList(examples: readonly number[]): string {
  const shown = examples.slice(0, examplesShownMax).join(', ');
  return examples.length > examplesShownMax ? `${shown}, … (${examples.length})` : shown;
}
