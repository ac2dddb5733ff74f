import type { Clock } from '../base/clock.ts';
import type { Ec2Market, OnDemandPrices, PlacementScore, SpotPrice } from '../fleet/ec2-market.ts';
import { awsRegionOf } from './aws-region.ts';
import type { RegionPlace } from './locate-region.ts';
import { notedQuestions } from './noted-questions.ts';

/** What a machine of one type costs now. USD an hour. */
export interface TypeEstimate {
  readonly type: string;
  /** In the zone where it is cheapest; null: not offered here, or not known. */
  readonly spot: { readonly usdPerHour: number; readonly zone: string } | null;
  readonly onDemandUsdPerHour: number | null;
  /** Share of the On-Demand price that Spot saves, 0 to 1. */
  readonly saving: number | null;
}

export interface FleetEstimate {
  readonly region: string;
  /** The cheapest Spot price first. Of a fleet that takes types by a pattern, the twelve smallest. */
  readonly types: readonly TypeEstimate[];
  /** How likely a machine is to be had now, 1 to 10; null where that is not known, or other regions have taken all ten places. */
  readonly placementScore: number | null;
  /** Regions with a better score, the best first. */
  readonly betterRegions: readonly PlacementScore[];
  /** What is missing above, and why, a line each. */
  readonly notes: readonly string[];
}

export interface EstimatePorts {
  readonly market: Ec2Market;
  readonly prices: OnDemandPrices;
  readonly clock: Clock;
}

/** People wait for it before their job is queued. */
const limitMsDefault = 5_000;

/**
 * Prices and chances of the deployment's machines, as far as they can be had in five seconds; undefined where there is no
 * deployment that names its types. Never throws because of AWS: what is missing is told in `notes`.
 */
export async function estimateFleet(
  place: RegionPlace,
  options: { readonly clock: Clock; readonly limitMs?: number; readonly signal?: AbortSignal },
): Promise<FleetEstimate | undefined> {
  const types = place.deployment?.instanceTypes ?? [];
  if (types.length === 0) return undefined;
  const region = await awsRegionOf(place);
  const [{ openEc2Market }, { openOnDemandPrices }] = await Promise.all([
    import('../aws/ec2-market.ts'),
    import('../aws/on-demand-prices.ts'),
  ]);
  const market = openEc2Market({ region, clock: options.clock });
  const prices = openOnDemandPrices({ region });
  try {
    return await estimate({ types, region }, { market, prices, clock: options.clock }, options);
  } finally {
    market.close();
    prices.close();
  }
}

/** The same, of any market. */
export async function estimate(
  fleet: { readonly types: readonly string[]; readonly region: string },
  { market, prices, clock }: EstimatePorts,
  options: { readonly limitMs?: number; readonly signal?: AbortSignal } = {},
): Promise<FleetEstimate> {
  const { region } = fleet;
  const { limitMs = limitMsDefault, signal } = options;
  const notes: string[] = [];
  const ask = notedQuestions(notes, { clock, limitMs, signal });
  const types = fleet.types.some((type) => type.includes('*'))
    ? smallest((await ask('instance types', (limited) => market.vcpusOf(fleet.types, limited))) ?? [])
    : fleet.types;
  const [spot = [], onDemand = new Map<string, number>(), scores] = await Promise.all([
    ask('Spot prices', (limited) => market.spotPrices({ types }, limited)),
    ask('On-Demand prices', (limited) => prices.of(types, limited)),
    ask('placement scores', (limited) => market.placementScores(types, limited)),
  ]);
  const own = scores?.find((score) => score.region === region)?.score ?? null;
  return {
    region,
    types: types
      .map((type) => typeEstimate(type, { spot, onDemand: onDemand.get(type) }))
      .toSorted((one, other) => priceOf(one) - priceOf(other)),
    placementScore: own,
    betterRegions: (scores ?? [])
      .filter(({ score }) => own === null || score > own)
      .toSorted((one, other) => other.score - one.score),
    notes,
  };
}

/** A fleet that names patterns may take any of hundreds; these are the ones that it takes first, as the cheapest. */
const typesMax = 12;

function smallest(vcpus: Iterable<readonly [string, number]>): readonly string[] {
  const sorted = [...vcpus].toSorted(([, one], [, other]) => one - other);
  return sorted.slice(0, typesMax).map(([type]) => type);
}

const priceOf = ({ spot }: TypeEstimate): number => spot?.usdPerHour ?? Number.POSITIVE_INFINITY;

function typeEstimate(
  type: string,
  known: { readonly spot: readonly SpotPrice[]; readonly onDemand: number | undefined },
): TypeEstimate {
  const { onDemand } = known;
  // The newest of each zone, then the cheapest zone: a list since a moment holds older ones as well.
  const byZone = new Map(
    known.spot.filter((price) => price.type === type).map((price) => [price.zone, price]),
  );
  const [cheapest] = [...byZone.values()].toSorted((one, other) => one.usdPerHour - other.usdPerHour);
  return {
    type,
    spot: cheapest === undefined ? null : { usdPerHour: cheapest.usdPerHour, zone: cheapest.zone },
    onDemandUsdPerHour: onDemand ?? null,
    saving:
      cheapest === undefined || onDemand === undefined || onDemand <= 0
        ? null
        : Math.max(0, 1 - cheapest.usdPerHour / onDemand),
  };
}
