import type { aws_ec2 as ec2, aws_s3 as s3 } from 'aws-cdk-lib';

// Classes of the CDK declare optional members as possibly undefined, their interfaces as possibly absent. The compiler of
// this project tells the two apart; nothing else differs.

export function asBucket(bucket: s3.Bucket): s3.IBucket {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return bucket as s3.IBucket;
}

export function asVpc(vpc: ec2.Vpc): ec2.IVpc {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return vpc as ec2.IVpc;
}
