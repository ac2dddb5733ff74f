import { type Random, seededRandom } from '../base/random.ts';
import type { Trace, UpInterval } from './trace.ts';

/**
 * Up-times of single-GPU Spot machines (V100 and K80, AWS, 2019 to 2021) in 21 published recordings with 3,628 intervals
 * (github.com/skypilot-org/spot-traces): quartiles of 10, 30 and 100 minutes, a mean of 157. Drawn from a logarithmic
 * normal distribution with another width on each side of the median, which has these quartiles and a mean of 148 minutes.
 *
 * What it lacks: real interruptions come in clusters, differ between zones, and where a cloud limits a machine's life
 * (Google's 24 hours) rise again towards its end, a bathtub. Recordings tell more than this.
 */
const quartileMinutes = { lower: 10, median: 30, upper: 100 } as const;
/** Of a standard normal distribution. */
const upperQuartile = 0.674_49;
/** 59 % of the time up, as in the best zone of these recordings' first region. */
const meanDownSeconds = ((157 * 41) / 59) * 60;
/** Nothing shorter was seen, since the recordings tick every few minutes; a boot alone takes as long. */
const upSecondsMin = 60;

export interface GeneratedTraces {
  /** @default 20 */
  readonly count?: number;
  /** Of each. @default 14 */
  readonly days?: number;
  readonly seed: number;
}

/** Traces with the statistics above; the same seed gives the same traces. */
export function generateTraces({ count = 20, days = 14, seed }: GeneratedTraces): readonly Trace[] {
  const spanSeconds = days * 86_400;
  return Array.from({ length: count }, (_, index) => ({
    name: `generated-${index + 1}`,
    spanSeconds,
    intervals: generateIntervals(spanSeconds, seededRandom(seed * 10_000 + index)),
  }));
}

function generateIntervals(spanSeconds: number, random: Random): readonly UpInterval[] {
  const intervals: UpInterval[] = [];
  let at = downSeconds(random);
  while (at < spanSeconds) {
    const until = at + upSeconds(random);
    intervals.push({
      fromSeconds: at,
      toSeconds: Math.min(until, spanSeconds),
      end: until < spanSeconds ? 'interrupted' : 'open',
    });
    at = until + downSeconds(random);
  }
  return intervals;
}

function upSeconds(random: Random): number {
  const { lower, median, upper } = quartileMinutes;
  const normal = standardNormal(random);
  const width = Math.log(normal < 0 ? median / lower : upper / median) / upperQuartile;
  return Math.max(upSecondsMin, median * 60 * Math.exp(width * normal));
}

function downSeconds(random: Random): number {
  return -Math.log(1 - random.next()) * meanDownSeconds;
}

/** Box and Muller, 1958. */
function standardNormal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(2 * Math.PI * random.next());
}
