import { openAccount } from '../../lib/aws/account.ts';
import { openEc2Market } from '../../lib/aws/ec2-market.ts';
import { readBucketSettings, readQueueSettings } from '../../lib/aws/storage-settings.ts';
import { openWorkerGroups } from '../../lib/aws/worker-groups.ts';
import type { Clock } from '../../lib/base/clock.ts';
import { awsRegionOf, namedRegion } from '../../lib/client/aws-region.ts';
import { type Check, skipped } from '../../lib/client/doctor/check.ts';
import { checkBucket } from '../../lib/client/doctor/check-bucket.ts';
import { checkCredentials } from '../../lib/client/doctor/check-credentials.ts';
import { checkDeployment } from '../../lib/client/doctor/check-deployment.ts';
import { checkGroup } from '../../lib/client/doctor/check-group.ts';
import { checkQueue } from '../../lib/client/doctor/check-queue.ts';
import { checkQuotas } from '../../lib/client/doctor/check-quotas.ts';
import { checkRegion } from '../../lib/client/doctor/check-region.ts';
import { checkTemplate } from '../../lib/client/doctor/check-template.ts';
import type { RegionPlace } from '../../lib/client/locate-region.ts';
import type { Deployment } from '../../lib/contract/deployment.ts';
import type { Account } from '../../lib/fleet/account.ts';
import type { GroupActivity, WorkerGroup } from '../../lib/fleet/worker-groups.ts';

const notDeployed = 'store and queue were named; there is no deployment file here';

export interface AwsChecks {
  readonly checks: readonly Check[];
  /** Name of the check on which everything else in AWS rests; undefined for a store that is not in AWS. */
  readonly first: string | undefined;
  close(): void;
}

/** Everything that is asked of AWS itself. What is read twice is asked once. */
export function awsChecks(place: RegionPlace, { clock }: { readonly clock: Clock }): AwsChecks {
  const { deployment, queue, timers } = place;
  const region = namedRegion(place);
  const account = openAccount({ region: region ?? 'us-east-1' });
  const first = isElsewhere(place.store) ? undefined : 'credentials';
  const deployed =
    deployment === undefined ? notDeployedChecks() : deploymentChecks(deployment, { clock, region, account });
  return {
    first,
    checks: [
      first === undefined
        ? skipped('credentials', 'the store is behind an endpoint of its own')
        : checkCredentials(account),
      checkRegion(place, { region: () => awsRegionOf(place) }),
      ...deployed.checks,
      checkBucket((signal) => readBucketSettings(place.store, signal)),
      queue === undefined
        ? skipped('queue', 'a store was named, but no queue')
        : checkQueue((signal) => readQueueSettings(queue, signal), {
            visibilityMs: timers.visibilityMs,
            after: first,
          }),
    ],
    close() {
      account.close();
      deployed.close();
    },
  };
}

/** A store that only speaks the protocol of S3 has keys of its own, of which STS knows nothing. */
function isElsewhere(store: string): boolean {
  return /[?&]endpoint=/.test(store);
}

interface Some {
  readonly checks: readonly Check[];
  close(): void;
}

function notDeployedChecks(): Some {
  const names = ['deployment', 'quotas', 'group', 'template'];
  const checks = names.map((name) => skipped(name, notDeployed));
  return { checks, close: () => {} };
}

function deploymentChecks(
  deployment: Deployment,
  ports: { readonly clock: Clock; readonly region: string | undefined; readonly account: Account },
): Some {
  const { clock, region, account } = ports;
  const { workersGroup = '', onDemandGroup, instanceTypes = [] } = deployment;
  const names = [workersGroup, ...(onDemandGroup === undefined ? [] : [onDemandGroup])];
  const workers = openWorkerGroups({ region });
  const market = openEc2Market({ region, clock });
  let standing: Promise<readonly WorkerGroup[]> | undefined;
  const groups = (signal: AbortSignal): Promise<readonly WorkerGroup[]> =>
    (standing ??= workers.read(names, signal));
  const group = async (signal: AbortSignal): Promise<WorkerGroup | undefined> =>
    (await groups(signal)).find(({ name }) => name === workersGroup);
  const machinesMax = async (signal: AbortSignal): Promise<number> => (await group(signal))?.max ?? 1;
  const activities = (name: string, signal: AbortSignal): Promise<readonly GroupActivity[]> =>
    workers.recentActivities(name, signal);
  return {
    checks: [
      checkDeployment(deployment, { groups: (_, signal) => groups(signal) }),
      instanceTypes.length === 0
        ? skipped('quotas', 'the deployment file names no instance types')
        : checkQuotas(instanceTypes, {
            account,
            market,
            region: () => awsRegionOf({ ...deployment, deployment }),
            machinesMax,
          }),
      checkGroup(workersGroup, { group, activities, clock }),
      checkTemplate(group),
    ],
    close() {
      workers.close();
      market.close();
    },
  };
}
