import { Duration, RemovalPolicy, aws_iam as iam, aws_kms as kms, aws_s3 as s3 } from 'aws-cdk-lib';
import { Construct } from 'constructs';
import { asBucket } from './construct-interfaces.ts';

export interface CheckpointBucketProps {
  readonly encryptionKey: kms.IKey | undefined;
  readonly recoveryWindow: Duration;
  readonly deleteDataWithStack: boolean;
}

/** How long S3's own record of who asked for what is kept. */
const accessLogRetention = Duration.days(90);

/**
 * The object store: journals, checkpoints, programs, inputs, and the fleet's runtime archives. Retained unless told
 * otherwise; what is overwritten or deleted can be recovered for a while.
 */
export class CheckpointBucket extends Construct {
  readonly bucket: s3.Bucket;

  constructor(scope: Construct, id: string, props: CheckpointBucketProps) {
    super(scope, id);
    const { encryptionKey, recoveryWindow, deleteDataWithStack } = props;
    const common = {
      enforceSSL: true,
      minimumTLSVersion: 1.2,
      blockPublicAccess: s3.BlockPublicAccess.BLOCK_ALL,
      removalPolicy: deleteDataWithStack ? RemovalPolicy.DESTROY : RemovalPolicy.RETAIN,
      autoDeleteObjects: deleteDataWithStack,
    };
    const accessLogs = new s3.Bucket(this, 'AccessLogs', {
      ...common,
      encryption: s3.BucketEncryption.S3_MANAGED,
      lifecycleRules: [{ id: 'expire', expiration: accessLogRetention }],
    });
    this.bucket = new s3.Bucket(this, 'Bucket', {
      ...common,
      ...(encryptionKey === undefined
        ? { encryption: s3.BucketEncryption.S3_MANAGED }
        : // With a bucket key S3 asks KMS once in a while, not for every chunk: an emergency must not meet KMS's quota.
          { encryption: s3.BucketEncryption.KMS, encryptionKey, bucketKeyEnabled: true }),
      objectOwnership: s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
      versioned: true,
      lifecycleRules: [
        {
          id: 'recovery-window',
          noncurrentVersionExpiration: recoveryWindow,
          expiredObjectDeleteMarker: true,
          abortIncompleteMultipartUploadAfter: Duration.days(1),
        },
        { id: 'forgotten-probes', prefix: 'probes/', expiration: Duration.days(1) },
      ],
      serverAccessLogsBucket: asBucket(accessLogs),
    });
    this.bucket.addToResourcePolicy(journalIsWrittenOnce(this.bucket));
    // A bucket that outlives the stack keeps its rules: jobs are read there, and a new stack goes on with them.
    for (const { policy } of [this.bucket, accessLogs]) policy?.applyRemovalPolicy(common.removalPolicy);
  }
}

/**
 * A slot of a journal is written with `If-None-Match: *` or not at all: what Holdfast promises rests on it, so the bucket
 * refuses everybody else's put, whatever they are allowed otherwise. Copies and multipart uploads are refused with it.
 */
function journalIsWrittenOnce(bucket: s3.Bucket): iam.PolicyStatement {
  return new iam.PolicyStatement({
    sid: 'JournalIsWrittenOnce',
    effect: iam.Effect.DENY,
    principals: [new iam.AnyPrincipal()],
    actions: ['s3:PutObject'],
    resources: [bucket.arnForObjects('jobs/*/journal/*')],
    conditions: { Null: { 's3:if-none-match': 'true' } },
  });
}
