/** `holdfast/infra`: constructs for the AWS CDK. */
export { propsFromContext } from './context-props.ts';
export { SpotTraining } from './spot-training.ts';
export type { InstanceRequirements, SpotTrainingProps } from './spot-training-props.ts';
