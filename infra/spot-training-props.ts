import type {
  Duration,
  aws_ec2 as ec2,
  aws_kms as kms,
  aws_logs as logs,
  aws_s3 as s3,
  aws_sns as sns,
} from 'aws-cdk-lib';

/** GPU requirements in place of a list of instance types: EC2 picks among all types that meet them. */
export interface InstanceRequirements {
  /** @default ['g4dn.*', 'g5.*', 'g6.*'] */
  readonly allowedInstanceTypes?: readonly string[];
  /** @default 4 */
  readonly vCpuMin?: number;
  /** GiB. @default 16 */
  readonly memoryGibMin?: number;
  /** GPUs of one instance, at least and at most. @default 1 */
  readonly gpus?: number;
}

/** Every one has a default: `new SpotTraining(this, 'Training')` is a fleet. */
export interface SpotTrainingProps {
  /**
   * EC2 instance types that may run jobs. The more, the rarer an interruption. Not together with `instanceRequirements`.
   * @default g4dn, g5 and g6, each .xlarge and .2xlarge
   */
  readonly instanceTypes?: readonly string[];
  /** @default none: `instanceTypes` decides */
  readonly instanceRequirements?: InstanceRequirements;
  /** Instances that run even without a job. @default 0 */
  readonly minCapacity?: number;
  /** Instances at a time, at most; as many jobs run at once. @default 4 */
  readonly maxCapacity?: number;
  /** Highest price of an instance hour in USD. @default the On-Demand price */
  readonly spotMaxPrice?: number;
  /**
   * Starts On-Demand instances when jobs have found no Spot capacity for this long.
   * @default no fallback: jobs wait for Spot capacity
   */
  readonly onDemandFallback?: { readonly after: Duration; readonly maxCapacity?: number };
  /**
   * Starts a replacement at a rebalance recommendation, before any notice. Costs a resume at a mere risk.
   * @default false
   */
  readonly capacityRebalance?: boolean;
  /** An instance without a job retires after this long. @default 10 minutes */
  readonly idleTimeout?: Duration;
  /** A network of your own. @default a VPC over `zones` zones with public subnets, an S3 gateway endpoint and no ingress */
  readonly vpc?: ec2.IVpc;
  /** Where in `vpc` instances start; they need a way to S3, SQS and EC2 Auto Scaling. @default its private subnets */
  readonly vpcSubnets?: ec2.SubnetSelection;
  /** Availability Zones of the VPC that is made. Regions with two need 2. @default 3 */
  readonly zones?: number;
  /**
   * A bucket that exists, as one that an earlier stack left behind with its jobs. Its encryption, its versions and its
   * policy stay as they are.
   * @default a bucket is made
   */
  readonly bucket?: s3.IBucket;
  /** Encrypts the bucket, the queues and the logs. @default keys that S3, SQS and CloudWatch manage */
  readonly encryptionKey?: kms.IKey;
  /** Superseded and deleted objects can be recovered this long. @default 7 days */
  readonly recoveryWindow?: Duration;
  /** @default one month */
  readonly logRetention?: logs.RetentionDays;
  /** Deletes bucket, checkpoints, dead letters and logs with the stack. @default false: they are retained */
  readonly deleteDataWithStack?: boolean;
  /** Told of every alarm. @default alarms without an action */
  readonly alarmTopic?: sns.ITopic;
  /** Machine image by id. @default the newest AWS Deep Learning Base AMI (Amazon Linux 2023), resolved at deployment */
  readonly imageId?: string;
  /** Lets people with the right to it open a shell on an instance by Session Manager. @default false */
  readonly sessionManager?: boolean;
  /** GiB of the encrypted root disk. @default 100 */
  readonly rootDiskGib?: number;
  /**
   * `bundle`: a worker bundle and a runtime archive from the bucket. `container`: an image built from `job/Dockerfile`, which
   * needs Docker at deployment.
   * @default 'bundle'
   */
  readonly runtime?: 'bundle' | 'container';
}
