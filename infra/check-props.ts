import { Token } from 'aws-cdk-lib';
import { unfitInstanceType } from './gpu-instance-types.ts';
import type { SpotTrainingProps } from './spot-training-props.ts';

/** The most zones that a region has, and the fewest that make sense of "another zone". */
const zonesMin = 2;
const zonesMax = 6;
/** The machine image is 75 GiB, and a runtime archive with its libraries about 10. */
const rootDiskGibMin = 90;
/** Of gp3 volumes. */
const rootDiskGibMax = 65_536;
/** Of CloudWatch: an alarm looks back a day at most. */
const fallbackMinutesMax = 1_440;

/**
 * Refuses what could not be deployed, or would deploy and never train, before anything is made of it.
 * @throws Error that names the property, its value and the cure
 */
export function checkProps(props: SpotTrainingProps): void {
  checkTypes(props);
  checkCapacity(props);
  checkFallback(props);
  checkMachine(props);
  checkStorage(props);
}

function checkTypes({ instanceTypes, instanceRequirements }: SpotTrainingProps): void {
  refuse(
    instanceTypes !== undefined && instanceRequirements !== undefined,
    'instanceTypes and instanceRequirements exclude each other: give a list, or requirements.',
  );
  refuse(instanceTypes?.length === 0, 'instanceTypes is empty: name at least one type, or leave it out.');
  const allowed = instanceRequirements?.allowedInstanceTypes;
  refuse(
    allowed?.length === 0,
    'instanceRequirements.allowedInstanceTypes is empty: name at least one family.',
  );
  refuse(
    instanceTypes?.some((type) => type.includes('*')) ?? false,
    'instanceTypes holds a pattern: name types in full, or use instanceRequirements.allowedInstanceTypes.',
  );
  for (const type of [...(instanceTypes ?? []), ...(allowed ?? [])]) {
    const why = unfitInstanceType(type);
    if (why !== undefined) throw new Error(`An instance type does not fit: ${why}.`);
  }
  const { vCpuMin, memoryGibMin, gpus } = instanceRequirements ?? {};
  whole('instanceRequirements.vCpuMin', vCpuMin, { min: 1 });
  whole('instanceRequirements.memoryGibMin', memoryGibMin, { min: 1 });
  whole('instanceRequirements.gpus', gpus, { min: 1 });
}

function checkCapacity({ minCapacity = 0, maxCapacity = 4, spotMaxPrice }: SpotTrainingProps): void {
  whole('minCapacity', minCapacity, { min: 0 });
  whole('maxCapacity', maxCapacity, { min: 1 });
  refuse(
    minCapacity > maxCapacity,
    `minCapacity (${minCapacity}) exceeds maxCapacity (${maxCapacity}): raise one or lower the other.`,
  );
  refuse(
    spotMaxPrice !== undefined && !(Number.isFinite(spotMaxPrice) && spotMaxPrice >= 0.001),
    `spotMaxPrice is ${spotMaxPrice}: give USD for an instance hour, 0.001 at least, or leave it out for the On-Demand price.`,
  );
}

function checkFallback({ onDemandFallback }: SpotTrainingProps): void {
  if (onDemandFallback === undefined) return;
  const minutes = onDemandFallback.after.toMinutes({ integral: false });
  refuse(
    !Number.isInteger(minutes) || minutes < 2 || minutes > fallbackMinutesMax,
    `onDemandFallback.after is ${minutes} minutes: give whole minutes from 2 to ${fallbackMinutesMax}.`,
  );
  whole('onDemandFallback.maxCapacity', onDemandFallback.maxCapacity, { min: 1 });
}

function checkMachine(props: SpotTrainingProps): void {
  const { vpc, vpcSubnets, zones, imageId, rootDiskGib, idleTimeout } = props;
  refuse(
    vpc !== undefined && zones !== undefined,
    'vpc and zones exclude each other: zones is for the network that is made.',
  );
  refuse(
    vpc === undefined && vpcSubnets !== undefined,
    'vpcSubnets needs vpc: without one a network with public subnets is made.',
  );
  whole('zones', zones, { min: zonesMin, max: zonesMax });
  whole('rootDiskGib', rootDiskGib, { min: rootDiskGibMin, max: rootDiskGibMax });
  refuse(
    imageId !== undefined && !Token.isUnresolved(imageId) && !/^ami-[0-9a-f]{8,17}$/.test(imageId),
    `imageId is \`${imageId}\`: give the id of a machine image, as ami-0123456789abcdef0.`,
  );
  const idleSeconds = idleTimeout?.toSeconds({ integral: false });
  refuse(
    idleSeconds !== undefined && (idleSeconds < 60 || idleSeconds > 86_400),
    `idleTimeout is ${idleSeconds} s: give a minute at least, so that a worker outlives the gap between two jobs, and a day at most.`,
  );
}

function checkStorage({ bucket, recoveryWindow, deleteDataWithStack }: SpotTrainingProps): void {
  refuse(
    bucket !== undefined && recoveryWindow !== undefined,
    'bucket and recoveryWindow exclude each other: the lifecycle of a bucket that exists is left alone.',
  );
  refuse(
    bucket !== undefined && deleteDataWithStack === true,
    'bucket and deleteDataWithStack exclude each other: a bucket that exists is not of this stack, which cannot delete it.',
  );
  const days = recoveryWindow?.toDays({ integral: false });
  refuse(
    days !== undefined && (!Number.isInteger(days) || days < 1),
    `recoveryWindow is ${days} days: S3 counts whole days, 1 at least.`,
  );
}

function refuse(isWrong: boolean, message: string): void {
  if (isWrong) throw new Error(message);
}

function whole(
  name: string,
  value: number | undefined,
  { min, max }: { readonly min: number; readonly max?: number },
): void {
  if (value === undefined || Token.isUnresolved(value)) return;
  const isRight = Number.isInteger(value) && value >= min && value <= (max ?? Number.MAX_SAFE_INTEGER);
  const range = max === undefined ? `${min} at least` : `from ${min} to ${max}`;
  refuse(!isRight, `${name} is ${value}: give a whole number, ${range}.`);
}
