import type { aws_iam as iam, aws_kms as kms, aws_s3 as s3, aws_sqs as sqs } from 'aws-cdk-lib';
import { Grant } from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';
import { listingBelow } from './listing-condition.ts';
import { type GroupNames, groupArn } from './worker-groups.ts';

export interface SubmitAccess {
  readonly bucket: s3.IBucket;
  readonly jobs: sqs.IQueue;
  readonly groups: GroupNames;
  readonly encryptionKey: kms.IKey | undefined;
}

/**
 * What a person or a program needs that submits jobs, reads them and appends requests (pause, resume, cancel): programs,
 * inputs and journals, a ticket, and the right to ask for an instance. Nothing can be deleted with it.
 */
export function grantSubmit(scope: Construct, grantee: iam.IGrantable, access: SubmitAccess): iam.Grant {
  const { bucket, jobs, groups, encryptionKey } = access;
  const grant = (
    actions: string[],
    resourceArns: string[],
    conditions?: Record<string, Record<string, unknown>>,
  ): iam.Grant =>
    Grant.addToPrincipal({
      grantee,
      actions,
      resourceArns,
      ...(conditions === undefined ? {} : { conditions }),
    });
  const prefixes = ['jobs/', 'programs/', 'inputs/'];
  const parts = [
    grant(
      ['s3:GetObject', 's3:PutObject'],
      prefixes.map((prefix) => bucket.arnForObjects(`${prefix}*`)),
    ),
    grant(['s3:ListBucket'], [bucket.bucketArn], listingBelow(prefixes)),
    grant(['sqs:SendMessage', 'sqs:GetQueueAttributes', 'sqs:GetQueueUrl'], [jobs.queueArn]),
    grant(['autoscaling:SetDesiredCapacity'], [groupArn(scope, groups.spot)]),
    // These know no resources: prices, placement scores, and how many instances there are.
    grant(
      [
        'autoscaling:DescribeAutoScalingGroups',
        'ec2:DescribeSpotPriceHistory',
        'ec2:GetSpotPlacementScores',
        'ec2:DescribeInstanceTypes',
        'ec2:DescribeInstanceTypeOfferings',
        'pricing:GetProducts',
      ],
      ['*'],
    ),
    ...(encryptionKey === undefined
      ? []
      : [grant(['kms:Decrypt', 'kms:GenerateDataKey'], [encryptionKey.keyArn])]),
  ];
  return parts.reduce((all, one) => all.combine(one));
}
