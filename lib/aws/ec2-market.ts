import {
  CreateTagsCommand,
  DeleteTagsCommand,
  DescribeInstancesCommand,
  DescribeInstanceTypeOfferingsCommand,
  DescribeInstanceTypesCommand,
  DescribeSpotPriceHistoryCommand,
  EC2Client,
  type Filter,
  GetSpotPlacementScoresCommand,
  type Instance,
  type SpotPrice as VendorsPrice,
} from '@aws-sdk/client-ec2';
import type { Clock } from '../base/clock.ts';
import type { Ec2Machine, Ec2Market, PriceQuery, SpotPrice } from '../fleet/ec2-market.ts';
import { type AwsClientOptions, awsClientSettings, callAws, sendOptions } from './aws-client.ts';
import type { AwsCall } from './aws-errors.ts';

/** A page of prices has a thousand changes; ten pages are a month of the default fleet's types in a region of six zones. */
const pagesMax = 10;

/** EC2 takes this many ids or types in one call. */
const namesMax = 100;

type Pages<Item> = (
  token: string | undefined,
) => Promise<{ readonly items: readonly Item[]; readonly next: string | undefined }>;

/** EC2 of one region. Importing this file loads the largest of all clients: half a second of a small machine. */
export function openEc2Market({
  clock,
  ...options
}: AwsClientOptions & { readonly clock: Clock }): Ec2Market {
  const client = new EC2Client(awsClientSettings(options));
  return {
    spotPrices: (query, signal) => spotPrices(client, { ...query, now: clock.now() }, signal),
    zonesOf: (types, signal) => zonesOf(client, types, signal),
    vcpusOf: (types, signal) => vcpusOf(client, types, signal),
    async placementScores(types, signal) {
      const command = new GetSpotPlacementScoresCommand({ InstanceTypes: [...types], TargetCapacity: 1 });
      const { SpotPlacementScores = [] } = await callAws(
        callTo('GetSpotPlacementScores', types.join(', '), signal),
        () => client.send(command, sendOptions(signal)),
      );
      return SpotPlacementScores.flatMap(({ Region, Score }) =>
        Region === undefined || Score === undefined ? [] : [{ region: Region, score: Score }],
      );
    },
    async machines(ids, signal) {
      // As a filter, and not as ids: EC2 refuses the whole call when one of them is gone.
      const found = await inBatches(ids, (some) =>
        machinesBy(client, [{ Name: 'instance-id', Values: [...some] }], signal),
      );
      return found.map(machineOf);
    },
    async taggedMachines({ key, value }, signal) {
      const found = await machinesBy(
        client,
        [
          { Name: `tag:${key}`, Values: [value] },
          { Name: 'instance-state-name', Values: ['pending', 'running', 'stopping', 'shutting-down'] },
        ],
        signal,
      );
      return found.map(({ InstanceId = '' }) => InstanceId);
    },
    async setTag(id, { key, value }, signal) {
      const command = new CreateTagsCommand({ Resources: [id], Tags: [{ Key: key, Value: value }] });
      await callAws(callTo('CreateTags', id, signal), () => client.send(command, sendOptions(signal)));
    },
    async removeTag(id, { key, value }, signal) {
      const command = new DeleteTagsCommand({ Resources: [id], Tags: [{ Key: key, Value: value }] });
      await callAws(callTo('DeleteTags', id, signal), () => client.send(command, sendOptions(signal)));
    },
    close: () => client.destroy(),
  };
}

async function spotPrices(
  client: EC2Client,
  { types, since, now }: PriceQuery & { readonly now: Date },
  signal?: AbortSignal,
): Promise<readonly SpotPrice[]> {
  if (types.length === 0) return [];
  const pages: Pages<VendorsPrice> = async (token) => {
    const command = new DescribeSpotPriceHistoryCommand({
      // As a filter: the SDK's own list of types ends with its release.
      Filters: [{ Name: 'instance-type', Values: [...types] }],
      ProductDescriptions: ['Linux/UNIX'],
      StartTime: since ?? now,
      EndTime: now,
      ...(token === undefined ? {} : { NextToken: token }),
    });
    const page = await callAws(callTo('DescribeSpotPriceHistory', types.join(', '), signal), () =>
      client.send(command, sendOptions(signal)),
    );
    return { items: page.SpotPriceHistory ?? [], next: page.NextToken };
  };
  const prices = (await all(pages)).flatMap(priceOf);
  return prices.toSorted((one, other) => one.from.getTime() - other.from.getTime());
}

function priceOf({ InstanceType, AvailabilityZone, SpotPrice: price, Timestamp }: VendorsPrice): SpotPrice[] {
  const usdPerHour = Number(price);
  if (InstanceType === undefined || AvailabilityZone === undefined || Timestamp === undefined) return [];
  if (!Number.isFinite(usdPerHour)) return [];
  return [{ type: InstanceType, zone: AvailabilityZone, usdPerHour, from: Timestamp }];
}

async function zonesOf(
  client: EC2Client,
  types: readonly string[],
  signal?: AbortSignal,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const zones = new Map<string, readonly string[]>(types.map((type) => [type, []]));
  if (types.length === 0) return zones;
  const offerings = await all(async (token) => {
    const command = new DescribeInstanceTypeOfferingsCommand({
      LocationType: 'availability-zone',
      Filters: [{ Name: 'instance-type', Values: [...types] }],
      ...(token === undefined ? {} : { NextToken: token }),
    });
    const page = await callAws(callTo('DescribeInstanceTypeOfferings', types.join(', '), signal), () =>
      client.send(command, sendOptions(signal)),
    );
    return { items: page.InstanceTypeOfferings ?? [], next: page.NextToken };
  });
  for (const { InstanceType, Location } of offerings)
    if (InstanceType !== undefined && Location !== undefined)
      zones.set(InstanceType, [...(zones.get(InstanceType) ?? []), Location].toSorted());
  return zones;
}

async function vcpusOf(
  client: EC2Client,
  types: readonly string[],
  signal?: AbortSignal,
): Promise<ReadonlyMap<string, number>> {
  const found = await inBatches(types, (some) =>
    all(async (token) => {
      // As a filter, and not by name: EC2 refuses the whole call when the region knows one of them not.
      const command = new DescribeInstanceTypesCommand({
        Filters: [{ Name: 'instance-type', Values: [...some] }],
        ...(token === undefined ? {} : { NextToken: token }),
      });
      const page = await callAws(callTo('DescribeInstanceTypes', some.join(', '), signal), () =>
        client.send(command, sendOptions(signal)),
      );
      return { items: page.InstanceTypes ?? [], next: page.NextToken };
    }),
  );
  return new Map(
    found.flatMap(({ InstanceType, VCpuInfo }) =>
      InstanceType === undefined || VCpuInfo?.DefaultVCpus === undefined
        ? []
        : [[InstanceType, VCpuInfo.DefaultVCpus] as const],
    ),
  );
}

function machinesBy(
  client: EC2Client,
  filters: readonly Filter[],
  signal?: AbortSignal,
): Promise<readonly Instance[]> {
  return all(async (token) => {
    const command = new DescribeInstancesCommand({
      Filters: [...filters],
      ...(token === undefined ? {} : { NextToken: token }),
    });
    const page = await callAws(
      callTo('DescribeInstances', filters.flatMap(({ Values = [] }) => Values).join(', '), signal),
      () => client.send(command, sendOptions(signal)),
    );
    const items = (page.Reservations ?? []).flatMap(({ Instances = [] }) => Instances);
    return { items, next: page.NextToken };
  });
}

function machineOf(instance: Instance): Ec2Machine {
  return {
    id: instance.InstanceId ?? '',
    type: instance.InstanceType ?? '',
    zone: instance.Placement?.AvailabilityZone ?? '',
    state: instance.State?.Name ?? 'unknown',
    isSpot: instance.InstanceLifecycle === 'spot',
    launchedAt: instance.LaunchTime,
    tags: new Map((instance.Tags ?? []).map(({ Key = '', Value = '' }) => [Key, Value])),
  };
}

function callTo(operation: string, target: string, signal: AbortSignal | undefined): AwsCall {
  return { service: 'EC2', operation, target, signal };
}

async function all<Item>(pages: Pages<Item>): Promise<readonly Item[]> {
  const items: Item[] = [];
  let token: string | undefined;
  for (let page = 0; page < pagesMax; page++) {
    const { items: some, next } = await pages(token);
    items.push(...some);
    // EC2 ends a list with an empty token as well as with none.
    if (next === undefined || next === '') break;
    token = next;
  }
  return items;
}

async function inBatches<Item>(
  names: readonly string[],
  read: (some: readonly string[]) => Promise<readonly Item[]>,
): Promise<readonly Item[]> {
  const items: Item[] = [];
  for (let at = 0; at < names.length; at += namesMax)
    items.push(...(await read(names.slice(at, at + namesMax))));
  return items;
}
