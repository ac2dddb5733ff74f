import type { AutoScalingGroup } from '@aws-sdk/client-auto-scaling';

/** The launch template that a group starts its instances from now, whether it mixes types or not. */
export function templateOf({
  LaunchTemplate,
  MixedInstancesPolicy,
}: AutoScalingGroup): AutoScalingGroup['LaunchTemplate'] {
  return LaunchTemplate ?? MixedInstancesPolicy?.LaunchTemplate?.LaunchTemplateSpecification;
}

/** `$Latest` and `$Default` name no version that could be compared without asking EC2. */
export function numbered(version: string | undefined): string | undefined {
  return version !== undefined && /^\d+$/.test(version) ? version : undefined;
}
