import {
  Duration,
  Validations,
  type Stack,
  aws_iam as iam,
  aws_kms as kms,
  aws_s3 as s3,
  aws_sns as sns,
} from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import { describe, expect, it } from 'vitest';
import type { SpotTrainingProps } from '../../infra/spot-training-props.ts';
import { type FleetStack, aFleetStack } from '../support/fleet-stack.ts';

/** What the AwsSolutions pack finds, as ids of rules; nothing when every finding is acknowledged. */
function findings(
  props: SpotTrainingProps | ((stack: Stack) => SpotTrainingProps) = {},
  also: (fleet: Omit<FleetStack, 'template'>) => void = () => {},
): readonly string[] {
  const fleet = aFleetStack(props, (one) => {
    Validations.of(one.app).addPlugins(new AwsSolutionsChecks(one.app));
    also(one);
  });
  try {
    fleet.app.synth();
    return [];
  } catch (error) {
    const { name, message } = error as Error;
    expect(name).toBe('ValidationFailed');
    return [...message.matchAll(/AwsSolutions::(AwsSolutions-[^']+)'/g)].map(([, id = '']) => id);
  }
}

describe('the AwsSolutions pack', () => {
  it('finds nothing in the fleet that is not acknowledged with a reason', () => {
    expect(findings()).toEqual([]);
  });

  it('finds nothing with everything switched on', () => {
    const everything = (stack: Stack): SpotTrainingProps => ({
      instanceRequirements: {},
      onDemandFallback: { after: Duration.minutes(30) },
      capacityRebalance: true,
      encryptionKey: new kms.Key(stack, 'Key', { enableKeyRotation: true }),
      alarmTopic: sns.Topic.fromTopicArn(stack, 'Topic', 'arn:aws:sns:eu-west-1:123456789012:alarms'),
      sessionManager: true,
      runtime: 'container',
    });
    expect(findings(everything)).toEqual([]);
  });

  it('would find a bucket that is open to plain HTTP', () => {
    const found = findings({}, ({ stack }) => void new s3.Bucket(stack, 'Careless'));
    expect(found.toSorted()).toEqual(['AwsSolutions-S1', 'AwsSolutions-S10']);
  });

  it('would find a right of the workers that is added without a reason', () => {
    const found = findings({}, ({ training }) =>
      training.role.addToPolicy(new iam.PolicyStatement({ actions: ['s3:*'], resources: ['*'] })),
    );
    // The star of the Describe actions is acknowledged, and with it any other: the action is not.
    expect(found).toEqual(['AwsSolutions-IAM5[Action::s3:*]']);
  });

  it('would find another prefix of the bucket that workers may write', () => {
    const found = findings({}, ({ training }) =>
      training.role.addToPolicy(
        new iam.PolicyStatement({
          actions: ['s3:PutObject'],
          resources: [training.bucket.arnForObjects('other/*')],
        }),
      ),
    );
    expect(found).toHaveLength(1);
    expect(found[0]).toMatch(
      /^AwsSolutions-IAM5\[Resource::<TrainingCheckpointsBucket\w+\.Arn>\/other\/\*\]$/,
    );
  });
});
