import { type Seconds, secondsOf } from './account.ts';
import type { SlotResult } from './simulate-slot.ts';
import type { SimulationOptions } from './simulation-options.ts';
import type { Ends, SlotCounts } from './slot-run.ts';

/** Of all runs of all traces, or of those of one. */
export interface Totals extends SlotCounts, Ends {
  /** Seconds in which there was a machine. */
  readonly availableSeconds: number;
  /** Of steps that counted. */
  readonly usefulSeconds: number;
  /** What the oracle would have trained in the same time. Seconds. */
  readonly oracleSeconds: number;
  /** Useful ÷ available. */
  readonly goodput: number;
  /** Useful ÷ oracle; 1 where even the oracle trains nothing. */
  readonly ofOracle: number;
  /** Where the available time went; sums to it. */
  readonly seconds: Seconds;
  readonly usd: { readonly instances: number; readonly requests: number; readonly total: number };
  /** USD for an hour of useful training; null where nothing was trained. */
  readonly usdPerUsefulHour: number | null;
}

/** One run of one trace, with what it is compared to. */
export interface MeasuredRun {
  readonly run: SlotResult;
  readonly availableSeconds: number;
  readonly oracleSeconds: number;
}

export function totalsOf(measured: readonly MeasuredRun[], options: SimulationOptions): Totals {
  const sum = (pick: (one: MeasuredRun) => number): number =>
    measured.reduce((total, one) => total + pick(one), 0);
  const availableSeconds = sum((one) => one.availableSeconds);
  const oracle = sum((one) => one.oracleSeconds);
  const usefulSeconds = sum(({ run }) => run.steps) * options.stepSeconds;
  const writes = sum(({ run }) => run.writes);
  const reads = sum(({ run }) => run.reads);
  const instances = (availableSeconds / 3_600) * options.usdPerInstanceHour;
  const requests = writes * options.usdPerWrite + reads * options.usdPerRead;
  return {
    availableSeconds,
    usefulSeconds,
    oracleSeconds: oracle,
    goodput: shareOf(usefulSeconds, availableSeconds),
    ofOracle: shareOf(usefulSeconds, oracle),
    seconds: secondsOf((kind) => sum(({ run }) => run.seconds[kind])),
    lostSteps: sum(({ run }) => run.lostSteps),
    interruptions: sum(({ run }) => run.interruptions),
    silent: sum(({ run }) => run.silent),
    saves: sum(({ run }) => run.saves),
    writes,
    reads,
    uploadedBytes: sum(({ run }) => run.uploadedBytes),
    downloadedBytes: sum(({ run }) => run.downloadedBytes),
    usd: { instances, requests, total: instances + requests },
    usdPerUsefulHour: usefulSeconds === 0 ? null : (instances + requests) / (usefulSeconds / 3_600),
  };
}

/** Nothing of nothing is all of it. */
export function shareOf(part: number, whole: number): number {
  return whole === 0 ? 1 : part / whole;
}
