import { aws_autoscaling as autoscaling, aws_ec2 as ec2 } from 'aws-cdk-lib';
import type { InstanceRequirements } from './spot-training-props.ts';

/** Types that meet the default requirements: one NVIDIA GPU that the CUDA 11.8 libraries drive. */
export const defaultAllowedTypes: readonly string[] = ['g4dn.*', 'g5.*', 'g6.*'];

/** What the group may launch: a list of types, or whatever meets the requirements. */
export function launchTemplateOverrides(props: {
  readonly instanceTypes: readonly string[];
  readonly instanceRequirements: InstanceRequirements | undefined;
}): autoscaling.LaunchTemplateOverrides[] {
  const { instanceTypes, instanceRequirements } = props;
  if (instanceRequirements === undefined)
    return instanceTypes.map((type) => ({ instanceType: new ec2.InstanceType(type) }));
  const { allowedInstanceTypes, vCpuMin = 4, memoryGibMin = 16, gpus = 1 } = instanceRequirements;
  return [
    {
      // Names of single GPUs are no filter here: CloudFormation's list ends with the T4. The families are.
      instanceRequirements: {
        allowedInstanceTypes: [...(allowedInstanceTypes ?? defaultAllowedTypes)],
        vCpuCount: { min: vCpuMin },
        memoryMiB: { min: memoryGibMin * 1024 },
        acceleratorTypes: ['gpu'],
        acceleratorManufacturers: ['nvidia'],
        acceleratorCount: { min: gpus, max: gpus },
      },
    },
  ];
}
