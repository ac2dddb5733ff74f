/**
 * What training on recorded Spot machines comes to, by the product's own policies on a virtual clock.
 *
 *     simulateFleet(traces: readonly Trace[], options: SimulationOptions, onProgress?: (share: number) => void): Report
 *     simulationOptions({ stateBytes, … }): SimulationOptions        defaults for what is not given
 *     readTraces(paths, { ones? }): Promise<{ traces, notes }>       files and folders (read-traces.ts)
 *     generateTraces({ seed, count?, days? }): readonly Trace[]      where there are none (generate-traces.ts)
 *
 * `Report.policies[0]` is ours; `ofOracle` of each is its useful time as a share of the oracle's, pooled over all traces,
 * `worst` the trace with the smallest one.
 */
import { seededRandom } from '../base/random.ts';
import { drawMissed, oracleSeconds, simulateSlot, type SlotResult } from './simulate-slot.ts';
import type { SimulationOptions } from './simulation-options.ts';
import { strategiesFor, type Strategy } from './strategies.ts';
import { type MeasuredRun, shareOf, type Totals, totalsOf } from './totals.ts';
import { meanUpSeconds, type Trace, upSecondsOf } from './trace.ts';

export interface TraceResult extends Totals {
  readonly trace: string;
}

export interface PolicyResult extends Totals {
  readonly policy: string;
  /** In the order of the traces. */
  readonly traces: readonly TraceResult[];
  /** The smallest share of its own oracle; undefined where no trace is long enough to train anything. */
  readonly worst: TraceResult | undefined;
}

export interface Report {
  readonly options: SimulationOptions;
  readonly traceCount: number;
  /** Of all traces, once each. */
  readonly availableSeconds: number;
  readonly meanUpSeconds: number;
  /** The oracle's useful ÷ available. */
  readonly oracleGoodput: number;
  /** Ours first. */
  readonly policies: readonly PolicyResult[];
}

/**
 * Runs every strategy over every trace, `options.repeats` times with other notices missed.
 * @param onProgress told how much is done, 0 to 1
 */
export function simulateFleet(
  traces: readonly Trace[],
  options: SimulationOptions,
  onProgress: (share: number) => void = () => {},
): Report {
  const meanUp = meanUpSeconds(traces) ?? 0;
  const all = strategiesFor(options, meanUp);
  const strategies = options.onlyOurs ? all.slice(0, 1) : all;
  const runs = strategies.map((): MeasuredRun[][] => []);
  for (const [index, trace] of traces.entries()) {
    for (const [nth, strategy] of strategies.entries()) {
      runs[nth]?.push(runsOf({ trace, index, strategy, options }));
    }
    onProgress((index + 1) / traces.length);
  }
  const availableSeconds = traces.reduce((sum, trace) => sum + upSecondsOf(trace), 0);
  const oracle = traces.reduce((sum, trace) => sum + oracleSeconds(trace, options), 0);
  return {
    options,
    traceCount: traces.length,
    availableSeconds,
    meanUpSeconds: meanUp,
    oracleGoodput: shareOf(oracle, availableSeconds),
    policies: strategies.map(({ name }, nth) => {
      const perTrace = runs[nth] ?? [];
      const results = perTrace.map((measured, index) => ({
        trace: traces[index]?.name ?? '',
        ...totalsOf(measured, options),
      }));
      return {
        policy: name,
        ...totalsOf(perTrace.flat(), options),
        traces: results,
        worst: worstOf(results),
      };
    }),
  };
}

/** Notices that one run of a trace misses: a function of seed, place of the trace and number of the run. */
export function missedIn(
  trace: Trace,
  { seed, missedShare }: SimulationOptions,
  place: { readonly index: number; readonly repeat: number },
): readonly boolean[] {
  const random = seededRandom((seed * 10_000 + place.index) * 1_000 + place.repeat);
  return drawMissed(trace, missedShare, random);
}

function runsOf(question: {
  readonly trace: Trace;
  readonly index: number;
  readonly strategy: Strategy;
  readonly options: SimulationOptions;
}): MeasuredRun[] {
  const { trace, index, strategy, options } = question;
  const compared = { availableSeconds: upSecondsOf(trace), oracleSeconds: oracleSeconds(trace, options) };
  const once = (repeat: number): MeasuredRun => {
    const missed = missedIn(trace, options, { index, repeat });
    return { run: simulateSlot({ trace, strategy, options, missed }), ...compared };
  };
  // Who does not listen misses nothing: every run would be the same.
  if (strategy.onNotice === 'nothing') return Array<MeasuredRun>(options.repeats).fill(once(0));
  return Array.from({ length: options.repeats }, (_, repeat) => once(repeat));
}

function worstOf(results: readonly TraceResult[]): TraceResult | undefined {
  const [first, ...more] = results.filter((result) => result.oracleSeconds > 0);
  return more.reduce(
    (worst, result) => (worst !== undefined && worst.ofOracle <= result.ofOracle ? worst : result),
    first,
  );
}

/** The first run of one trace under our policy, told second by second: for a picture, or for the ledger of its journal. */
export function tellTrace(
  traces: readonly Trace[],
  index: number,
  options: SimulationOptions,
): SlotResult | undefined {
  const trace = traces[index];
  const [ours] = strategiesFor(options, meanUpSeconds(traces) ?? 0);
  if (trace === undefined || ours === undefined) return undefined;
  const missed = missedIn(trace, options, { index, repeat: 0 });
  return simulateSlot({ trace, strategy: ours, options, missed, keepsStory: true });
}
