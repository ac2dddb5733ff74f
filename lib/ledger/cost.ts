/** What a job has cost, from its journal and prices that are given. Pure. */
import type { Instance, JournalEntry } from '../contract/journal-entry.ts';
import { chunkBytes } from '../contract/manifest.ts';
import { fold } from '../journal/fold.ts';
import { type Goodput, goodputOf } from './goodput.ts';

export interface CostOptions {
  readonly now: Date;
  /** USD for one machine over one time; null where no price is known. */
  readonly usdOf: (machine: {
    readonly instance: Instance;
    readonly from: Date;
    readonly to: Date;
  }) => number | null;
}

export interface AttemptCost {
  readonly claim: number;
  readonly instance: Instance;
  readonly from: string;
  readonly seconds: number;
  readonly usd: number | null;
  /** Of that, for training that was done again. */
  readonly lostUsd: number | null;
}

export interface JobCost {
  readonly attempts: readonly AttemptCost[];
  readonly machineSeconds: number;
  /** USD for machines; null where a price is missing. */
  readonly machinesUsd: number | null;
  readonly lostUsd: number | null;
  /** False for a folder: neither requests nor bytes cost anything, and none are counted. */
  readonly isStorePaid: boolean;
  /** Requests that are paid for: an estimate from the bytes of each checkpoint. */
  readonly writes: number;
  readonly reads: number;
  readonly requestsUsd: number;
  /** Bytes that the retained checkpoints hold, at most. */
  readonly storedBytes: number;
  /** USD a month for them. */
  readonly storedUsdPerMonth: number;
  /** Machines and requests; null where a price is missing. */
  readonly totalUsd: number | null;
  readonly usdPerThousandSteps: number | null;
  readonly goodput: Goodput;
}

/** S3 Standard in most regions: PUT and POST, GET, and a GB for a month. */
const usdPerWrite = 0.000_005;
const usdPerRead = 0.000_000_4;
const usdPerGbMonth = 0.023;
/** Manifest, journal entry and hint of a save; of a restore hint, journal and manifest. */
const writesBesidesChunks = 3;
const readsBesidesChunks = 3;

/** Requests and storage count only where the store is S3: a folder costs nothing. */
export function costOf(entries: readonly JournalEntry[], { now, usdOf }: CostOptions): JobCost {
  const goodput = goodputOf(entries, now);
  const state = fold(entries);
  const attempts = goodput.attempts.map(({ claim, instance, fromMs, toMs, seconds }): AttemptCost => {
    const from = new Date(fromMs);
    const held = (toMs - fromMs) / 1_000;
    const usd = usdOf({ instance, from, to: new Date(toMs) });
    const lostUsd = usd === null ? null : held === 0 ? 0 : (usd * seconds.lost) / held;
    return { claim, instance, from: from.toISOString(), seconds: held, usd, lostUsd };
  });
  const isPaid = state.store.startsWith('s3:');
  const { writes, reads } = isPaid ? requestsOf(entries) : { writes: 0, reads: 0 };
  const requestsUsd = writes * usdPerWrite + reads * usdPerRead;
  const machinesUsd = sumOf(attempts.map(({ usd }) => usd));
  const totalUsd = machinesUsd === null ? null : machinesUsd + requestsUsd;
  const storedBytes = isPaid ? state.checkpoints.reduce((sum, { bytes }) => sum + bytes, 0) : 0;
  return {
    attempts,
    machineSeconds: attempts.reduce((sum, { seconds }) => sum + seconds, 0),
    machinesUsd,
    lostUsd: sumOf(attempts.map(({ lostUsd }) => lostUsd)),
    isStorePaid: isPaid,
    writes,
    reads,
    requestsUsd,
    storedBytes,
    storedUsdPerMonth: (storedBytes / 1e9) * usdPerGbMonth,
    totalUsd,
    usdPerThousandSteps: totalUsd === null || goodput.steps === 0 ? null : (totalUsd / goodput.steps) * 1_000,
    goodput,
  };
}

function requestsOf(entries: readonly JournalEntry[]): { readonly writes: number; readonly reads: number } {
  let writes = 0;
  let reads = 0;
  for (const entry of entries) {
    if (entry.kind === 'checkpoint') writes += Math.ceil(entry.newBytes / chunkBytes) + writesBesidesChunks;
    else writes += 1;
    if (entry.kind === 'restored') reads += Math.ceil(entry.bytes / chunkBytes) + readsBesidesChunks;
  }
  return { writes, reads };
}

/** One price that is missing makes the sum unknown. */
function sumOf(amounts: readonly (number | null)[]): number | null {
  return amounts.reduce<number | null>((sum, usd) => (sum === null || usd === null ? null : sum + usd), 0);
}
