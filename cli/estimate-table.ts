import type { FleetEstimate, TypeEstimate } from '../lib/client/estimate.ts';
import { formatUsd } from './format.ts';
import { type Column, table } from './table.ts';

/** The prices of a fleet's machines as lines, with what is not known and why. */
export function estimateTable(estimate: FleetEstimate): readonly string[] {
  const { region, types, placementScore, betterRegions, notes } = estimate;
  const isKnown = types.some(({ spot, onDemandUsdPerHour }) => spot !== null || onDemandUsdPerHour !== null);
  const better = betterRegions
    .slice(0, betterRegionsMax)
    .map((other) => `${other.region} ${other.score}`)
    .join(', ');
  const chance =
    placementScore === null
      ? []
      : [
          `Chance of Spot capacity in ${region}: ${placementScore} of 10${better === '' ? '' : ` (better: ${better})`}.`,
        ];
  return [...(isKnown ? table(types, columns) : []), ...chance, ...notes];
}

const betterRegionsMax = 3;

const columns: readonly Column<TypeEstimate>[] = [
  { title: 'TYPE', value: ({ type }) => type },
  { title: 'SPOT/H', value: ({ spot }) => formatUsd(spot?.usdPerHour), align: 'right' },
  { title: 'ZONE', value: ({ spot }) => spot?.zone ?? '?' },
  { title: 'ON-DEMAND/H', value: ({ onDemandUsdPerHour }) => formatUsd(onDemandUsdPerHour), align: 'right' },
  {
    title: 'SAVES',
    value: ({ saving }) => (saving === null ? '?' : `${Math.round(saving * 100)}%`),
    align: 'right',
  },
];
