import type { RegionPlace } from './locate-region.ts';

/** Whether the store of a region is in S3, whether or not a deployment of ours stands around it. */
export function isOnAws({ store }: Pick<RegionPlace, 'store'>): boolean {
  return store.startsWith('s3:');
}

/**
 * The AWS region of a store and its queue: as the deployment says, else the address of the store, else the queue's host,
 * else what the environment or the profile says.
 * @throws AccessDeniedError when nothing says one
 */
export async function awsRegionOf(
  place: Pick<RegionPlace, 'store' | 'queue' | 'deployment'>,
): Promise<string> {
  const named = namedRegion(place);
  if (named !== undefined) return named;
  const { openAccount } = await import('../aws/account.ts');
  const account = openAccount({});
  try {
    return await account.region();
  } finally {
    account.close();
  }
}

/** The region that the addresses themselves name. */
export function namedRegion({
  store,
  queue,
  deployment,
}: Pick<RegionPlace, 'store' | 'queue' | 'deployment'>): string | undefined {
  return deployment?.region ?? settingOf(store) ?? (queue === undefined ? undefined : regionOfQueue(queue));
}

export function regionOfQueue(queue: string): string | undefined {
  return settingOf(queue) ?? /^https:\/\/sqs(?:-fips)?\.([a-z0-9-]+)\./.exec(queue)?.[1];
}

function settingOf(uri: string): string | undefined {
  return new URLSearchParams(/\?(.*)$/.exec(uri)?.[1] ?? '').get('region') ?? undefined;
}
