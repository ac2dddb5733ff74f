/** `holdfast/infra`: constructs for the AWS CDK. */
export type { InstanceRequirements, SpotTrainingProps } from './spot-training-props.ts';
