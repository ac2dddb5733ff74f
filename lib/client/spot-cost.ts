import type { SpotPrice } from '../fleet/ec2-market.ts';

const hourMs = 3_600_000;

/**
 * What a Spot machine has cost from its launch until now: each price from its own moment until the next, by the second, as EC2
 * bills it. The first price holds from the launch on, also where the history begins later. Null without any price.
 * @param prices of any types and zones, the oldest first
 */
export function spotCost(
  machine: { readonly type: string; readonly zone: string; readonly from: Date; readonly to: Date },
  prices: readonly SpotPrice[],
): number | null {
  const own = prices.filter(({ type, zone }) => type === machine.type && zone === machine.zone);
  const [first] = own;
  if (first === undefined) return null;
  const from = machine.from.getTime();
  const to = machine.to.getTime();
  return own.reduce((sum, price, at) => {
    const begins = price === first ? from : Math.max(from, price.from.getTime());
    const ends = Math.min(to, own[at + 1]?.from.getTime() ?? to);
    return sum + (Math.max(0, ends - begins) / hourMs) * price.usdPerHour;
  }, 0);
}

/** The newest price of a type in a zone; null where none is known. */
export function priceNow(
  machine: { readonly type: string; readonly zone: string },
  prices: readonly SpotPrice[],
): number | null {
  const own = prices.findLast(({ type, zone }) => type === machine.type && zone === machine.zone);
  return own?.usdPerHour ?? null;
}
