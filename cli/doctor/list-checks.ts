import { access, readFile } from 'node:fs/promises';
import { runCommand } from '../../job/run-command.ts';
import { unlessMissing } from '../../lib/base/file-errors.ts';
import type { Check } from '../../lib/client/doctor/check.ts';
import { skipped } from '../../lib/client/doctor/check.ts';
import { checkClock } from '../../lib/client/doctor/check-clock.ts';
import { checkDeadLetters } from '../../lib/client/doctor/check-dead-letters.ts';
import { checkJobs } from '../../lib/client/doctor/check-jobs.ts';
import { checkMetadata } from '../../lib/client/doctor/check-metadata.ts';
import { checkNode } from '../../lib/client/doctor/check-node.ts';
import { checkStore } from '../../lib/client/doctor/check-store.ts';
import { listDeadLetters } from '../../lib/client/dead-letters.ts';
import type { RegionPlace } from '../../lib/client/locate-region.ts';
import { reconcile } from '../../lib/client/reconcile.ts';
import type { Region } from '../../lib/client/region.ts';
import { defaultImdsEndpoint, ImdsClient } from '../../lib/interruption/imds-client.ts';
import { readInstance } from '../../lib/interruption/read-instance.ts';
import type { CliContext } from '../context.ts';
import { regionDir } from '../region-dir.ts';
import { checkBackend } from './check-backend.ts';
import { checkGpu } from './check-gpu.ts';
import { checkLocalRegion } from './check-local-region.ts';

export interface DoctorWorld {
  readonly context: CliContext;
  readonly place: RegionPlace;
  /** Opened by the first check that needs it. */
  readonly region: () => Promise<Region>;
  /** The local region before anything was queued in it: nothing is there that could be asked. */
  readonly isUntouched: boolean;
  /** Where the store is in S3. */
  readonly aws: { readonly checks: readonly Check[]; readonly first: string | undefined } | undefined;
}

/** Every check, in the order in which a person reads them: this machine, then where jobs are, then the jobs. */
export async function listChecks(world: DoctorWorld): Promise<readonly Check[]> {
  const { context, aws } = world;
  return [
    checkNode(process.version),
    checkBackend(runCommand),
    checkGpu(runCommand, async () => (await exists('/proc/driver/nvidia')) || exists('/dev/nvidiactl')),
    await metadata(context),
    ...(aws?.checks ?? local(world)),
    ...jobs(world),
  ];
}

/** Names of checks that only AWS has: told as skipped, so that a program sees the same names everywhere. */
const onlyOnAws = ['credentials', 'region', 'deployment', 'quotas', 'bucket', 'group', 'template'] as const;

function local({ context, place }: DoctorWorld): readonly Check[] {
  const dir = regionDir(context);
  const isLocal = place.store.startsWith('file:') && place.origin === 'local';
  return [
    ...onlyOnAws.map((name) => skipped(name, 'the store is a folder of this machine')),
    ...(isLocal ? [checkLocalRegion(dir, context)] : []),
  ];
}

function jobs(world: DoctorWorld): readonly Check[] {
  const { context, place, region, isUntouched, aws } = world;
  const { clock, random } = context;
  const names = ['store', 'clock', ...(aws === undefined ? ['queue'] : []), 'dead-letters', 'jobs'];
  if (isUntouched)
    return names.map((name) => skipped(name, 'nothing was queued here yet; `holdfast submit` begins'));
  const store = async () => (await region()).store;
  return [
    checkStore({ store, random, after: aws?.first }),
    checkClock({ store, clock }),
    ...(aws === undefined ? [localQueue(world)] : []),
    ...(place.queue === undefined
      ? ['dead-letters', 'jobs'].map((name) => skipped(name, 'a store was named, but no queue'))
      : [
          checkDeadLetters(async () => listDeadLetters(await region())),
          checkJobs(async (signal) => reconcile(await region(), { signal }), { clock }),
        ]),
  ];
}

function localQueue({ place, region }: DoctorWorld): Check {
  if (place.queue === undefined) return skipped('queue', 'a store was named, but no queue');
  return {
    name: 'queue',
    async run() {
      const { visible, inFlight } = await (await (await region()).queue()).depth();
      return { status: 'pass', message: `${visible} tickets wait, ${inFlight} in the hands of workers` };
    },
  };
}

async function metadata({ env, clock }: CliContext): Promise<Check> {
  const named = env['AWS_EC2_METADATA_SERVICE_ENDPOINT'];
  const isNamed = named !== undefined && named !== '';
  if (!isNamed && !(await isInstance())) return skipped('metadata', 'this machine is no EC2 instance');
  const endpoint = isNamed ? named : defaultImdsEndpoint;
  return checkMetadata((signal) => readInstance(new ImdsClient({ endpoint, clock }), signal));
}

/** Every EC2 instance on Nitro says so in its firmware. */
async function isInstance(): Promise<boolean> {
  const vendor = await unlessMissing(readFile('/sys/devices/virtual/dmi/id/sys_vendor', 'utf8'));
  return vendor?.trim() === 'Amazon EC2';
}

async function exists(path: string): Promise<boolean> {
  return (await unlessMissing(access(path).then(() => true))) ?? false;
}
