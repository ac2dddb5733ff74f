import {
  type Cause,
  causeOfCall,
  causeOfRefusal,
  causeOfRestored,
  carriedFiles,
  causesOfFiles,
  madeBy,
  unknownCause,
} from './causes.ts';
import { causeOfForgotten } from './causes-of-forgotten.ts';
import type { Divergence } from './divergence.ts';
import { type OutsideDifference, outsideDifferences, referenceOf } from './outside-differences.ts';
import { programSource, type ProgramSource } from './program-source.ts';
import { sourceKind } from './source-kinds.ts';
import type { Trace, TracedCall, TracedFile } from './trace/read-traces.ts';

/** What does not resume, in the words of whoever wrote the program. */
export interface Diagnosis {
  /** "variable `updates` (train.ts:7), which is not in `state`" */
  readonly component: string;
  /** Completed steps when it showed. */
  readonly step: number;
  /** What was seen, and how to mend it. */
  readonly hint: string;
}

export interface DiagnoseOptions {
  readonly divergence: Divergence;
  /** Of every process of the comparison. */
  readonly traces: readonly Trace[];
  readonly program: { /** As `bundleProgram` gives it. */ readonly code: string };
}

/**
 * Names the cause of a divergence as far as the notes of the processes show one. What the program sees outside of `state`
 * and loses is certain; what it asks of the machine in a step comes next, then what it asked before training.
 */
export function diagnose({ divergence, traces, program }: DiagnoseOptions): Diagnosis {
  const source = programSource(program.code);
  const evidence = gather(divergence, traces);
  const [cause, ...others] = causesOf(divergence, evidence, source);
  const { component, hint } = cause ?? unknownCause(divergence);
  const more = others
    .filter((other) => other.component !== component && other.isSlight !== true)
    .slice(0, alsoMax);
  const said = divergence.failure?.hint === undefined ? '' : `${divergence.failure.hint} `;
  const also = more.length === 0 ? '' : ` Also looked at: ${more.map((one) => one.component).join('; ')}.`;
  return { component, step: divergence.step, hint: `${said}${hint}${also}` };
}

/** The first cause is the one that matters; what else was seen helps where it is the wrong one. */
const alsoMax = 2;

interface Evidence {
  readonly kinds: Readonly<Record<string, string>>;
  readonly differences: readonly OutsideDifference[];
  readonly calls: readonly TracedCall[];
  readonly files: readonly TracedFile[];
}

function gather({ resumedFromStep, step }: Divergence, traces: readonly Trace[]): Evidence {
  const reference = referenceOf(traces);
  const suspects = traces.filter((trace) => {
    const from = beginOf(trace);
    if (trace === reference || from === undefined || from > step) return false;
    return resumedFromStep === null ? !trace.resumed : trace.resumed && from === resumedFromStep;
  });
  const differences =
    reference === undefined ? [] : suspects.flatMap((suspect) => outsideDifferences(reference, suspect));
  return {
    kinds: Object.assign({}, ...traces.map(({ kinds }) => kinds)),
    differences: uniqueBy(differences, ({ name }) => name),
    calls: uniqueBy(
      traces.flatMap(({ calls }) => calls),
      ({ source, phase, places }) => JSON.stringify([source, phase, places]),
    ),
    files: traces.flatMap(({ files }) => carriedFiles(files)),
  };
}

/** The likeliest first. */
function causesOf(divergence: Divergence, evidence: Evidence, source: ProgramSource): readonly Cause[] {
  const { kinds, differences, calls, files } = evidence;
  const forgotten = differences.filter(({ isForgotten }) => isForgotten);
  const made = differences.filter(({ isForgotten }) => !isForgotten);
  const inTraining = calls.filter(({ phase }) => ['load', 'step', 'evaluate'].includes(phase));
  const before = calls.filter((call) => !inTraining.includes(call));
  const makes = (call: TracedCall): number => (madeBy(call, source, made) === undefined ? 0 : 1);
  return [
    ...(divergence.kind === 'refused' ? causeOfRefusal(divergence, { forgotten, made, source }) : []),
    ...(divergence.kind === 'restored-state' ? [causeOfRestored(divergence, kinds)] : []),
    ...causeOfForgotten({ forgotten, kinds, source }),
    ...causesOfFiles(files, source),
    ...byKind(inTraining).map((call) => causeOfCall(call, source)),
    ...byKind(before)
      .toSorted((one, other) => makes(other) - makes(one))
      .map((call) => causeOfCall(call, source, made)),
  ];
}

/** Chance first: whatever draws, draws to use it. Then order, clocks, and what machines are called. */
function byKind(calls: readonly TracedCall[]): readonly TracedCall[] {
  return calls.toSorted((one, other) => rank(one) - rank(other));
}

function uniqueBy<Item>(items: readonly Item[], keyOf: (item: Item) => string): readonly Item[] {
  return [...new Map(items.toReversed().map((item) => [keyOf(item), item])).values()].toReversed();
}

function rank({ source }: TracedCall): number {
  return ['chance', 'order', 'clock', 'machine'].indexOf(sourceKind(source));
}

/** Completed steps when its training began. */
function beginOf({ looks }: Trace): number | undefined {
  return looks.find(({ when }) => when === 'began')?.step;
}
