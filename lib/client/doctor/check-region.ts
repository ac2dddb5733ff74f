import { regionOfQueue } from '../aws-region.ts';
import type { RegionPlace } from '../locate-region.ts';
import { type Check, pass, warn } from './check.ts';

/** Where everything is, and whether it is all in one place. */
export function checkRegion(
  place: Pick<RegionPlace, 'queue' | 'deployment'>,
  { region }: { readonly region: () => Promise<string> },
): Check {
  return {
    name: 'region',
    async run() {
      const own = await region();
      const ofQueue = place.queue === undefined ? undefined : regionOfQueue(place.queue);
      if (ofQueue !== undefined && ofQueue !== own)
        return warn(
          `the store is in ${own}, the queue in ${ofQueue}`,
          'put both into one region: a worker near the one is far from the other',
        );
      return pass(place.deployment?.stack === undefined ? own : `${own}, stack ${place.deployment.stack}`);
    },
  };
}
