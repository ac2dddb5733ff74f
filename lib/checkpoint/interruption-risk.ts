/** How often a job loses its machine, estimated from its own journal. Pure. */
import type { InterruptionRisk } from '../contract/trainer-messages.ts';
import type { JobState } from '../journal/job-state.ts';

/**
 * Mean up-time of single-GPU Spot instances in the recorded traces of V100 and K80 machines of 2019 to 2021: 157 minutes.
 * Counts as one loss that was seen, so that a job's own history soon outweighs it.
 */
const usualUpSeconds = 157 * 60;
/** AWS gives the notice on a best-effort basis and publishes no figure; one in twenty missed is taken until a job knows better. */
const usualNoticed = 19;
const usualSilent = 1;
/** However many notices came in time: the next need not. */
const recallMax = 0.99;

/** USD for a PUT, COPY, POST or LIST of S3 Standard in most regions. */
const usdPerRequest = 0.000_005;
/** USD an hour of a small Spot GPU instance. Prices differ by a factor of three; the interval changes by its square root. */
const usdPerInstanceHour = 0.3;
/**
 * An hour that is lost costs more than its machine: whoever waits for the result has lost it too. Weighing requests against
 * the machine alone, jobs on recorded traces with 5 % of notices missed lose half a per cent of their time.
 */
const lostHourWeight = 50;

/** Where a trainer is started without any facts. */
export const unknownRisk: InterruptionRisk = {
  lossEverySeconds: usualUpSeconds,
  recall: usualNoticed / (usualNoticed + usualSilent),
  requestSeconds: 0,
};

export interface RiskFacts {
  readonly totals: JobState['totals'];
  /** The newest checkpoint, where there is one: an earlier save of this job. */
  readonly newest: { readonly elapsedMs: number } | undefined;
  /** Address of the store: requests to a folder cost nothing. */
  readonly store: string;
}

/** The risk that the adaptive interval rests on. `recall` and the rate are posterior means under the priors above. */
export function interruptionRisk({ totals, newest, store }: RiskFacts): InterruptionRisk {
  const { interruptions, silentDeaths, attemptMs } = totals;
  const losses = interruptions + silentDeaths;
  return {
    lossEverySeconds: (usualUpSeconds + attemptMs / 1_000) / (1 + losses),
    recall: Math.min(
      recallMax,
      (usualNoticed + interruptions) / (usualNoticed + usualSilent + interruptions + silentDeaths),
    ),
    requestSeconds: store.startsWith('s3:')
      ? usdPerRequest / ((lostHourWeight * usdPerInstanceHour) / 3_600)
      : 0,
    ...(newest === undefined ? {} : { flushSeconds: newest.elapsedMs / 1_000 }),
  };
}
