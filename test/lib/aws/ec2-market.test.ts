import {
  CreateTagsCommand,
  DeleteTagsCommand,
  DescribeInstancesCommand,
  DescribeInstanceTypeOfferingsCommand,
  DescribeInstanceTypesCommand,
  DescribeSpotPriceHistoryCommand,
  EC2Client,
  GetSpotPlacementScoresCommand,
} from '@aws-sdk/client-ec2';
import { type AwsClientStub, mockClient } from 'aws-sdk-client-mock';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openEc2Market } from '../../../lib/aws/ec2-market.ts';
import { manualClock } from '../../support/manual-clock.ts';

const clock = manualClock(new Date('2030-01-01T12:00:00Z'));
const now = clock.now();
const price = (zone: string, usd: string, hour: number) => ({
  InstanceType: 'g5.xlarge' as const,
  AvailabilityZone: zone,
  SpotPrice: usd,
  Timestamp: new Date(Date.UTC(2030, 0, 1, hour)),
});

describe('what EC2 is asked', () => {
  let ec2: AwsClientStub<EC2Client>;
  const market = openEc2Market({ region: 'eu-west-1', clock });

  beforeEach(() => {
    ec2 = mockClient(EC2Client);
  });
  afterEach(() => ec2.restore());

  it('for prices: those of Linux that hold now, over all pages, the oldest first', async () => {
    ec2
      .on(DescribeSpotPriceHistoryCommand)
      .resolvesOnce({ SpotPriceHistory: [price('b', '0.5', 9)], NextToken: 'more' })
      .resolvesOnce({ SpotPriceHistory: [price('a', '0.4', 7), price('a', 'n/a', 8)], NextToken: '' });
    expect(await market.spotPrices({ types: ['g5.xlarge'] })).toEqual([
      { type: 'g5.xlarge', zone: 'a', usdPerHour: 0.4, from: new Date('2030-01-01T07:00:00Z') },
      { type: 'g5.xlarge', zone: 'b', usdPerHour: 0.5, from: new Date('2030-01-01T09:00:00Z') },
    ]);
    const asked = {
      Filters: [{ Name: 'instance-type', Values: ['g5.xlarge'] }],
      ProductDescriptions: ['Linux/UNIX'],
      StartTime: now,
      EndTime: now,
    };
    expect(ec2.commandCalls(DescribeSpotPriceHistoryCommand).map(({ args }) => args[0].input)).toEqual([
      asked,
      { ...asked, NextToken: 'more' },
    ]);
  });

  it('for prices since a moment, in a bounded number of pages', async () => {
    ec2.on(DescribeSpotPriceHistoryCommand).resolves({ SpotPriceHistory: [], NextToken: 'for ever' });
    const since = new Date('2029-12-31T00:00:00Z');
    expect(await market.spotPrices({ types: ['g5.xlarge'], since })).toEqual([]);
    const calls = ec2.commandCalls(DescribeSpotPriceHistoryCommand);
    expect(calls).toHaveLength(10);
    expect(calls[0]?.args[0].input).toMatchObject({ StartTime: since, EndTime: now });
    expect(await market.spotPrices({ types: [] })).toEqual([]);
    expect(ec2.commandCalls(DescribeSpotPriceHistoryCommand)).toHaveLength(10);
  });

  it('for zones: one that offers no such type is said to have none', async () => {
    ec2.on(DescribeInstanceTypeOfferingsCommand).resolves({
      InstanceTypeOfferings: [
        { InstanceType: 'g5.xlarge', LocationType: 'availability-zone', Location: 'b' },
        { InstanceType: 'g5.xlarge', LocationType: 'availability-zone', Location: 'a' },
      ],
    });
    expect(await market.zonesOf(['g5.xlarge', 'p5.48xlarge'])).toEqual(
      new Map([
        ['g5.xlarge', ['a', 'b']],
        ['p5.48xlarge', []],
      ]),
    );
  });

  it('for placement scores of one machine in every region', async () => {
    ec2.on(GetSpotPlacementScoresCommand).resolves({
      SpotPlacementScores: [{ Region: 'eu-west-1', Score: 7 }, { Region: 'us-east-1' }],
    });
    expect(await market.placementScores(['g5.xlarge'])).toEqual([{ region: 'eu-west-1', score: 7 }]);
    expect(ec2.commandCalls(GetSpotPlacementScoresCommand)[0]?.args[0].input).toEqual({
      InstanceTypes: ['g5.xlarge'],
      TargetCapacity: 1,
    });
  });

  it('for machines by a filter, so that one that is gone does not hide the others', async () => {
    ec2.on(DescribeInstancesCommand).resolves({
      Reservations: [
        {
          Instances: [
            {
              InstanceId: 'i-1',
              InstanceType: 'g5.xlarge',
              Placement: { AvailabilityZone: 'a' },
              State: { Name: 'running' },
              InstanceLifecycle: 'spot',
              LaunchTime: now,
              Tags: [{ Key: 'holdfast:job', Value: 'job' }],
            },
            { InstanceId: 'i-2', InstanceType: 'g5.xlarge', State: { Name: 'running' } },
          ],
        },
      ],
    });
    expect(await market.machines(['i-1', 'i-2', 'i-gone'])).toEqual([
      {
        id: 'i-1',
        type: 'g5.xlarge',
        zone: 'a',
        state: 'running',
        isSpot: true,
        launchedAt: now,
        tags: new Map([['holdfast:job', 'job']]),
      },
      {
        id: 'i-2',
        type: 'g5.xlarge',
        zone: '',
        state: 'running',
        isSpot: false,
        launchedAt: undefined,
        tags: new Map(),
      },
    ]);
    expect(ec2.commandCalls(DescribeInstancesCommand)[0]?.args[0].input).toEqual({
      Filters: [{ Name: 'instance-id', Values: ['i-1', 'i-2', 'i-gone'] }],
    });
    await market.machines(Array.from({ length: 250 }, (_, at) => `i-${at}`));
    expect(ec2.commandCalls(DescribeInstancesCommand)).toHaveLength(4);
  });

  it('to set a tag, to find it and to take it off', async () => {
    ec2.on(DescribeInstancesCommand).resolves({ Reservations: [{ Instances: [{ InstanceId: 'i-1' }] }] });
    ec2.on(CreateTagsCommand).resolves({}).on(DeleteTagsCommand).resolves({});
    const tag = { key: 'holdfast:interrupt', value: 'true' };
    await market.setTag('i-1', tag);
    expect(await market.taggedMachines(tag)).toEqual(['i-1']);
    await market.removeTag('i-1', tag);
    const asked = { Resources: ['i-1'], Tags: [{ Key: tag.key, Value: tag.value }] };
    expect(ec2.commandCalls(CreateTagsCommand)[0]?.args[0].input).toEqual(asked);
    expect(ec2.commandCalls(DeleteTagsCommand)[0]?.args[0].input).toEqual(asked);
    expect(ec2.commandCalls(DescribeInstancesCommand)[0]?.args[0].input.Filters).toContainEqual({
      Name: 'tag:holdfast:interrupt',
      Values: ['true'],
    });
  });

  it('for vCPUs', async () => {
    ec2.on(DescribeInstanceTypesCommand).resolves({
      InstanceTypes: [{ InstanceType: 'g5.xlarge', VCpuInfo: { DefaultVCpus: 4 } }],
    });
    expect(await market.vcpusOf(['g5.xlarge', 'g99.xlarge'])).toEqual(new Map([['g5.xlarge', 4]]));
  });

  it('answers a refusal with an error of ours', async () => {
    const refused = Object.assign(new Error('no'), {
      name: 'UnauthorizedOperation',
      $metadata: { httpStatusCode: 403 },
    });
    ec2.on(GetSpotPlacementScoresCommand).rejects(refused);
    await expect(market.placementScores(['g5.xlarge'])).rejects.toMatchObject({ code: 'ACCESS_DENIED' });
  });
});
