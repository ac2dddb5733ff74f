import type { Random } from '../base/random.ts';
import type { JournalEntry } from '../contract/journal-entry.ts';
import { Account, type Seconds, type Span } from './account.ts';
import { simulateAttempt } from './simulate-attempt.ts';
import { SimulatedJob } from './simulated-job.ts';
import type { SimulationOptions } from './simulation-options.ts';
import type { Ends, SlotCounts, SlotRun } from './slot-run.ts';
import type { Strategy } from './strategies.ts';
import type { Trace } from './trace.ts';

/** What one job on one slot came to. */
export interface SlotResult extends SlotCounts, Ends {
  readonly seconds: Seconds;
  /** Steps that counted. */
  readonly steps: number;
  /** Empty unless asked for. */
  readonly spans: readonly Span[];
  /** The job's journal; empty unless asked for. */
  readonly entries: readonly JournalEntry[];
}

export interface SlotQuestion {
  readonly trace: Trace;
  readonly strategy: Strategy;
  readonly options: SimulationOptions;
  /** Interruptions without a notice, by the place of their interval in the trace. */
  readonly missed: readonly boolean[];
  /** For pictures and for the ledger. @default false */
  readonly keepsStory?: boolean;
}

/** One job on one slot, from the first moment of its trace to the last. */
export function simulateSlot({
  trace,
  strategy,
  options,
  missed,
  keepsStory = false,
}: SlotQuestion): SlotResult {
  const run: SlotRun = {
    job: new SimulatedJob(keepsStory),
    keepsStory,
    account: new Account(keepsStory),
    counts: { lostSteps: 0, saves: 0, writes: 0, reads: 0, uploadedBytes: 0, downloadedBytes: 0 },
    reachedStep: 0,
    heardStep: 0,
    claimableFromSeconds: 0,
  };
  for (const [index, up] of trace.intervals.entries()) {
    simulateAttempt(run, { up, strategy, options, isMissed: missed[index] ?? false });
  }
  const ends = trace.intervals.map(({ end }, index) => ({ end, isMissed: missed[index] ?? false }));
  return {
    ...run.counts,
    seconds: run.account.seconds,
    steps: run.reachedStep,
    interruptions: ends.filter(({ end }) => end === 'interrupted').length,
    silent: ends.filter(({ end, isMissed }) => end === 'interrupted' && isMissed).length,
    spans: run.account.spans,
    entries: run.job.entries,
  };
}

/** Which interruptions come without a notice: the same for every strategy, so that luck favours none. */
export function drawMissed(trace: Trace, missedShare: number, random: Random): readonly boolean[] {
  return trace.intervals.map(() => random.next() < missedShare);
}

/**
 * Seconds of training of somebody who knows every end in advance and pays nothing but boot and the raw download of the
 * state, where there is one.
 */
export function oracleSeconds(trace: Trace, options: SimulationOptions): number {
  const download = options.stateBytes / options.bandwidthBytesPerSecond;
  return trace.intervals.reduce((trained, { fromSeconds, toSeconds }) => {
    const toPay = options.bootSeconds + (trained > 0 ? download : 0);
    return trained + Math.max(0, toSeconds - fromSeconds - toPay);
  }, 0);
}
