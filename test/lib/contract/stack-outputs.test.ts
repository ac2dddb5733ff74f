import { describe, expect, it } from 'vitest';
import { deploymentOutputs, deploymentSchema } from '../../../lib/contract/deployment.ts';
import { deploymentsOf, parseStackOutputs } from '../../../lib/contract/stack-outputs.ts';

const values = {
  Store: 's3://bucket?region=eu-central-1',
  Queue: 'https://sqs.eu-central-1.amazonaws.com/123456789012/jobs',
  DeadLetterQueue: 'https://sqs.eu-central-1.amazonaws.com/123456789012/dead',
  WorkersGroup: 'training-workers',
  OnDemandGroup: 'training-on-demand',
  LogGroup: '/holdfast/training',
  Dashboard: 'training',
  InterruptTemplate: 'EXT123',
  InstanceTypes: 'g4dn.xlarge,g5.xlarge',
};

const whole = {
  format: 1,
  stack: 'training',
  region: 'eu-central-1',
  store: values.Store,
  queue: values.Queue,
  deadLetterQueue: values.DeadLetterQueue,
  workersGroup: values.WorkersGroup,
  onDemandGroup: values.OnDemandGroup,
  logGroup: values.LogGroup,
  dashboard: values.Dashboard,
  interruptTemplate: values.InterruptTemplate,
  instanceTypes: ['g4dn.xlarge', 'g5.xlarge'],
};

const behind = (construct: string, hash: string): Record<string, string> =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [`${construct}${name}${hash}`, value]));

describe('deploymentsOf', () => {
  it('knows every output that a stack may have', () => {
    expect(Object.values(deploymentOutputs).toSorted()).toEqual(Object.keys(values).toSorted());
  });

  it.each([
    ['as the stack names them', '', ''],
    ['behind the id of the construct', 'Training', 'DE126DB1'],
    ['behind a path of constructs', 'FleetTraining', '0A1B2C3D'],
    ['behind an id without a hash', 'Training', ''],
  ])('reads outputs %s', (_, construct, hash) => {
    const outputs = behind(construct, hash);
    const [deployment, ...more] = deploymentsOf({ stack: 'training', outputs });
    expect(more).toEqual([]);
    expect(deploymentSchema.parse(deployment)).toEqual(whole);
  });

  it('leaves out what the stack does not have', () => {
    const outputs = { Store: 's3://bucket', Queue: values.Queue, OnDemandGroup: '' };
    expect(deploymentsOf({ stack: 'small', outputs })).toEqual([
      { format: 1, stack: 'small', store: 's3://bucket', queue: values.Queue },
    ]);
  });

  it('finds none in the outputs of another stack', () => {
    expect(deploymentsOf({ stack: 'web', outputs: { Url: 'x', BookStore: 'y' } })).toEqual([]);
  });

  it('keeps two fleets of one stack apart', () => {
    const outputs = { ...behind('One', 'AAAAAAAA'), ...behind('Two', 'BBBBBBBB') };
    expect(deploymentsOf({ stack: 'both', outputs })).toHaveLength(2);
  });
});

describe('parseStackOutputs', () => {
  it('reads what the CDK writes and what CloudFormation describes alike', () => {
    const outputs = { Store: 's3://bucket', Queue: values.Queue };
    const described = {
      Stacks: [
        {
          StackName: 'training',
          Outputs: Object.entries(outputs).map(([OutputKey, OutputValue]) => ({ OutputKey, OutputValue })),
        },
      ],
    };
    expect(parseStackOutputs({ training: outputs })).toEqual([{ stack: 'training', outputs }]);
    expect(parseStackOutputs(described)).toEqual([{ stack: 'training', outputs }]);
  });

  it.each([[null], [[]], ['text'], [{ training: { Store: 5 } }], [{ training: 'x' }]])(
    'takes %j for neither',
    (document) => expect(parseStackOutputs(document)).toBeUndefined(),
  );
});
