import { z } from 'zod';

/**
 * What a deployed stack says about itself. The stack exports each as an output of this name (`CfnOutput`), `cdk deploy
 * --outputs-file` writes them down, and the CLI keeps them in `.holdfast/deployment.json` for later commands.
 */
export const deploymentOutputs = {
  /** `s3://bucket?region=…`: the object store. */
  store: 'Store',
  /** URL of the jobs queue. */
  queue: 'Queue',
  /** URL of the queue of dead letters. */
  deadLetterQueue: 'DeadLetterQueue',
  /** Name of the Spot Auto Scaling group. */
  workersGroup: 'WorkersGroup',
  /** Name of the On-Demand fallback group; absent where there is none. */
  onDemandGroup: 'OnDemandGroup',
  logGroup: 'LogGroup',
  /** Name of the CloudWatch dashboard. */
  dashboard: 'Dashboard',
  /** Id of the FIS experiment template that interrupts a worker; absent where it was left out. */
  interruptTemplate: 'InterruptTemplate',
  /** EC2 instance types of the fleet, joined by commas. */
  instanceTypes: 'InstanceTypes',
} as const;

/** `.holdfast/deployment.json`: what stands in AWS. Files of an earlier version hold store and queue alone. */
export const deploymentSchema = z.object({
  format: z.literal(1),
  store: z.string().min(1),
  queue: z.string().min(1),
  stack: z.string().min(1).optional(),
  region: z.string().min(1).optional(),
  deadLetterQueue: z.string().min(1).optional(),
  workersGroup: z.string().min(1).optional(),
  onDemandGroup: z.string().min(1).optional(),
  logGroup: z.string().min(1).optional(),
  dashboard: z.string().min(1).optional(),
  interruptTemplate: z.string().min(1).optional(),
  instanceTypes: z.array(z.string().min(1)).optional(),
});

export type Deployment = z.infer<typeof deploymentSchema>;
