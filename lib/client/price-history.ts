import type { Clock } from '../base/clock.ts';
import type { Instance } from '../contract/journal-entry.ts';
import type { SpotPrice } from '../fleet/ec2-market.ts';
import { awsRegionOf, isOnAws } from './aws-region.ts';
import type { RegionPlace } from './locate-region.ts';
import { notedQuestions } from './noted-questions.ts';
import { spotCost } from './spot-cost.ts';

export interface MachinePrices {
  /** USD for a Spot machine over one time; null where no price is known. */
  usdOf(machine: { readonly instance: Instance; readonly from: Date; readonly to: Date }): number | null;
  /** What is missing, and why. */
  readonly notes: readonly string[];
}

/** Somebody waits for the answer, and hours alone are one as well. */
const limitMs = 15_000;

/**
 * Spot prices of these machines since a moment, from the market where the store is on AWS; none anywhere else. Never throws
 * because of AWS. EC2 tells prices of the last 90 days: what is older counts with the first one that it tells.
 */
export async function machinePrices(
  place: RegionPlace,
  machines: { readonly types: readonly string[]; readonly since: Date },
  options: { readonly clock: Clock; readonly signal?: AbortSignal },
): Promise<MachinePrices> {
  const { types, since } = machines;
  if (!isOnAws(place) || types.length === 0) return { usdOf: () => null, notes: [] };
  const notes: string[] = [];
  const { clock, signal } = options;
  const ask = notedQuestions(notes, { clock, limitMs, signal });
  const prices =
    (await ask('Spot prices', async (limited) => {
      const { openEc2Market } = await import('../aws/ec2-market.ts');
      const market = openEc2Market({ region: await awsRegionOf(place), clock });
      try {
        return await market.spotPrices({ types, since }, limited);
      } finally {
        market.close();
      }
    })) ?? [];
  return { usdOf: costBy(prices), notes };
}

function costBy(prices: readonly SpotPrice[]): MachinePrices['usdOf'] {
  return ({ instance: { type, zone }, from, to }) => spotCost({ type, zone, from, to }, prices);
}
