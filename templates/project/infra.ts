import { App, Stack } from 'aws-cdk-lib';
import { propsFromContext, SpotTraining } from 'holdfast/infra';

const app = new App();
const stack = new Stack(app, '{{stack}}', {
  description: 'Trains on Spot GPUs, and loses nothing when they go',
});

const training = new SpotTraining(stack, 'Training', {
  // As many jobs run at a time. Nothing runs while no job waits.
  maxCapacity: 4,

  // The more types EC2 may choose from, the rarer an interruption. The default: g4dn, g5 and g6, .xlarge and .2xlarge.
  // instanceTypes: ['g5.xlarge', 'g5.2xlarge', 'g6.xlarge', 'g6.2xlarge'],

  // Waits for Spot capacity for as long as it takes, unless told to pay for other machines after a while
  // (Duration is imported from aws-cdk-lib).
  // onDemandFallback: { after: Duration.minutes(30), maxCapacity: 1 },

  // A finished machine waits this long for another job.
  // idleTimeout: Duration.minutes(10),

  // Starts a replacement at the first sign of an interruption, which may never come.
  // capacityRebalance: true,

  // Takes the checkpoints with it when the stack is deleted. They are kept otherwise.
  // deleteDataWithStack: true,

  // What `-c key=value` says wins over what stands above.
  ...propsFromContext(stack),
});

// So that every command of holdfast finds what was deployed.
training.exportDeployment();
