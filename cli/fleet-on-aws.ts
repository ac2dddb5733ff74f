import { openEc2Market } from '../lib/aws/ec2-market.ts';
import { openOnDemandPrices } from '../lib/aws/on-demand-prices.ts';
import { openWorkerGroups } from '../lib/aws/worker-groups.ts';
import { ConflictError } from '../lib/base/errors.ts';
import { awsRegionOf } from '../lib/client/aws-region.ts';
import type { RegionPlace } from '../lib/client/locate-region.ts';
import { type FleetView, readFleet } from '../lib/client/read-fleet.ts';
import { readJob } from '../lib/client/read-job.ts';
import type { CliContext } from './context.ts';
import { regionDir } from './region-dir.ts';
import { withRegion } from './with-region.ts';

/** The fleet of the deployment, asked of AWS. */
export async function fleetOnAws(context: CliContext, place: RegionPlace): Promise<FleetView> {
  const { workersGroup, onDemandGroup } = place.deployment ?? {};
  if (workersGroup === undefined)
    throw new ConflictError('no deployment is known here, and with it no machines.', {
      facts: { dir: regionDir(context) },
      hint: 'Run it in the folder of the deployment; a worker that was started by hand shows in `holdfast ls`.',
    });
  const { clock } = context;
  const region = await awsRegionOf(place);
  const groups = openWorkerGroups({ region });
  const market = openEc2Market({ region, clock });
  const prices = openOnDemandPrices({ region });
  try {
    const names = onDemandGroup === undefined ? [workersGroup] : [workersGroup, onDemandGroup];
    return await withRegion(context, (opened) =>
      readFleet(
        names,
        { groups, market, prices, readJob: (jobId) => readJob(opened, jobId), clock },
        context.untilInterrupted(),
      ),
    );
  } finally {
    groups.close();
    market.close();
    prices.close();
  }
}
