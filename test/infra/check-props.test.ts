import { App, Duration, Stack, aws_ec2 as ec2, aws_s3 as s3 } from 'aws-cdk-lib';
import { describe, expect, it } from 'vitest';
import { checkProps } from '../../infra/check-props.ts';
import { SpotTraining } from '../../infra/spot-training.ts';
import type { SpotTrainingProps } from '../../infra/spot-training-props.ts';

const stack = new Stack(new App(), 'Any');
const vpc = ec2.Vpc.fromVpcAttributes(stack, 'Vpc', { vpcId: 'vpc-1', availabilityZones: ['a'] });
const bucket = s3.Bucket.fromBucketName(stack, 'Bucket', 'left-behind');

describe('properties that could never train', () => {
  it.each<[string, SpotTrainingProps, RegExp]>([
    [
      'types and requirements',
      { instanceTypes: ['g5.xlarge'], instanceRequirements: {} },
      /instanceTypes and instanceRequirements exclude each other/,
    ],
    ['no type', { instanceTypes: [] }, /instanceTypes is empty/],
    ['a pattern among types', { instanceTypes: ['g5.*'] }, /instanceTypes holds a pattern/],
    ['no family', { instanceRequirements: { allowedInstanceTypes: [] } }, /allowedInstanceTypes is empty/],
    ['a Blackwell GPU', { instanceTypes: ['g7.2xlarge'] }, /`g7\.2xlarge` has a Blackwell GPU.*CUDA 11/],
    ['a newer Blackwell GPU', { instanceTypes: ['p6-b200.48xlarge'] }, /`p6-b200\.48xlarge` has a Blackwell/],
    [
      'Blackwell by pattern',
      { instanceRequirements: { allowedInstanceTypes: ['g5.*', 'p6-b300.*'] } },
      /`p6-b300\.\*` has a Blackwell/,
    ],
    ['a type without a GPU', { instanceTypes: ['m7i.large'] }, /`m7i\.large` is of a family/],
    [
      'a Volta GPU, which images no longer serve',
      { instanceTypes: ['p3.2xlarge'] },
      /`p3\.2xlarge` is of a family/,
    ],
    ['a word that is no type', { instanceTypes: ['big'] }, /`big` is not an instance type/],
    [
      'a minimum above the maximum',
      { minCapacity: 5, maxCapacity: 2 },
      /minCapacity \(5\) exceeds maxCapacity \(2\)/,
    ],
    ['a minimum above the default maximum', { minCapacity: 5 }, /exceeds maxCapacity \(4\)/],
    ['no room for a job', { maxCapacity: 0 }, /maxCapacity is 0: give a whole number, 1 at least/],
    ['half an instance', { maxCapacity: 1.5 }, /maxCapacity is 1\.5/],
    ['less than nothing', { minCapacity: -1 }, /minCapacity is -1/],
    ['a price of nothing', { spotMaxPrice: 0 }, /spotMaxPrice is 0/],
    ['a price that is no number', { spotMaxPrice: Number.NaN }, /spotMaxPrice is NaN/],
    ['an immediate fallback', { onDemandFallback: { after: Duration.seconds(30) } }, /after is 0\.5 minutes/],
    ['a fallback after days', { onDemandFallback: { after: Duration.days(2) } }, /after is 2880 minutes/],
    [
      'a fallback to nothing',
      { onDemandFallback: { after: Duration.minutes(10), maxCapacity: 0 } },
      /onDemandFallback\.maxCapacity is 0/,
    ],
    ['zones of a given network', { vpc, zones: 3 }, /vpc and zones exclude each other/],
    ['subnets of no network', { vpcSubnets: {} }, /vpcSubnets needs vpc/],
    ['one zone', { zones: 1 }, /zones is 1: give a whole number, from 2 to 6/],
    ['a disk that the image does not fit on', { rootDiskGib: 20 }, /rootDiskGib is 20/],
    ['a name for an image', { imageId: 'ubuntu' }, /imageId is `ubuntu`/],
    ['no idle time', { idleTimeout: Duration.seconds(5) }, /idleTimeout is 5 s/],
    ['hours of recovery', { recoveryWindow: Duration.hours(12) }, /recoveryWindow is 0\.5 days/],
    [
      'a window for a given bucket',
      { bucket, recoveryWindow: Duration.days(3) },
      /bucket and recoveryWindow exclude/,
    ],
    [
      'the end of a given bucket',
      { bucket, deleteDataWithStack: true },
      /bucket and deleteDataWithStack exclude/,
    ],
    ['no GPU', { instanceRequirements: { gpus: 0 } }, /instanceRequirements\.gpus is 0/],
  ])('are refused by name: %s', (_, props, message) => {
    expect(() => checkProps(props)).toThrow(message);
  });

  it('are refused before anything is made of them, as plain errors', () => {
    const scope = new Stack(new App(), 'Refused');
    const wrong = { maxCapacity: 0 };
    expect(() => new SpotTraining(scope, 'Training', wrong)).toThrow(Error);
    expect(scope.node.findAll().filter((one) => one.node.path.startsWith('Refused/Training/'))).toEqual([]);
  });
});

describe('properties that fit', () => {
  it.each<[string, SpotTrainingProps]>([
    ['none', {}],
    ['an instance that stays', { minCapacity: 1, maxCapacity: 1 }],
    ['big machines', { instanceTypes: ['p4d.24xlarge', 'p5.48xlarge', 'g6e.xlarge', 'gr6.4xlarge'] }],
    ['families', { instanceRequirements: { allowedInstanceTypes: ['g4dn.*', 'g6e.*'], gpus: 8 } }],
    ['a fallback', { onDemandFallback: { after: Duration.minutes(2) } }],
    ['a network and where in it', { vpc, vpcSubnets: { subnetType: ec2.SubnetType.PUBLIC } }],
    ['a bucket that exists', { bucket }],
    ['the end of all data', { deleteDataWithStack: true, recoveryWindow: Duration.days(1) }],
  ])('are taken: %s', (_, props) => {
    expect(() => checkProps(props)).not.toThrow();
  });
});
