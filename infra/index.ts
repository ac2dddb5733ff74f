/** `holdfast/infra`: constructs for the AWS CDK. */
export { SpotTraining } from './spot-training.ts';
export type { InstanceRequirements, SpotTrainingProps } from './spot-training-props.ts';
