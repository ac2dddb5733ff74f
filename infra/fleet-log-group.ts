import { RemovalPolicy, Stack, aws_iam as iam, aws_kms as kms, aws_logs as logs } from 'aws-cdk-lib';
import type { Construct } from 'constructs';

export interface FleetLogGroupProps {
  readonly retention: logs.RetentionDays;
  readonly encryptionKey: kms.IKey | undefined;
  readonly deleteDataWithStack: boolean;
}

/** Boots, workers, and what EC2 says about the fleet. What a job prints is in the bucket, beside its journal. */
export function fleetLogGroup(scope: Construct, id: string, props: FleetLogGroupProps): logs.LogGroup {
  const { retention, encryptionKey, deleteDataWithStack } = props;
  return new logs.LogGroup(scope, id, {
    retention,
    removalPolicy: deleteDataWithStack ? RemovalPolicy.DESTROY : RemovalPolicy.RETAIN,
    ...(encryptionKey === undefined ? {} : { encryptionKey }),
  });
}

/**
 * Lets CloudWatch Logs use the key for log groups of this account. A key from elsewhere keeps its own policy, which must
 * say the same.
 */
export function letLogsUse(encryptionKey: kms.IKey, scope: Construct): void {
  const stack = Stack.of(scope);
  encryptionKey.addToResourcePolicy(
    new iam.PolicyStatement({
      sid: 'CloudWatchLogs',
      principals: [new iam.ServicePrincipal(`logs.${stack.region}.amazonaws.com`)],
      actions: ['kms:Encrypt*', 'kms:Decrypt*', 'kms:ReEncrypt*', 'kms:GenerateDataKey*', 'kms:Describe*'],
      resources: ['*'],
      conditions: {
        ArnLike: {
          'kms:EncryptionContext:aws:logs:arn': stack.formatArn({ service: 'logs', resource: '*' }),
        },
      },
    }),
  );
}
