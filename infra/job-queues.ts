import { Duration, RemovalPolicy, aws_kms as kms, aws_sqs as sqs } from 'aws-cdk-lib';
import { Construct } from 'constructs';
import { defaultTimers } from '../lib/contract/timers.ts';

export interface JobQueuesProps {
  readonly encryptionKey: kms.IKey | undefined;
  readonly deleteDataWithStack: boolean;
}

/** The longest that SQS offers. */
const retention = Duration.days(14);

/** Every try of a job counts in its journal. The queue's own count catches only messages that no worker can read. */
const receivesMax = 1_000;

/**
 * The queue of tickets and the queue of what no worker can read. Tickets wake up and are never the truth: with the stack
 * they go, and the scheduled function sends them anew from the journals. Dead letters stay.
 */
export class JobQueues extends Construct {
  readonly jobs: sqs.Queue;
  readonly deadLetters: sqs.Queue;

  constructor(scope: Construct, id: string, props: JobQueuesProps) {
    super(scope, id);
    const { encryptionKey, deleteDataWithStack } = props;
    const common = {
      enforceSSL: true,
      retentionPeriod: retention,
      ...(encryptionKey === undefined
        ? { encryption: sqs.QueueEncryption.SQS_MANAGED }
        : { encryption: sqs.QueueEncryption.KMS, encryptionMasterKey: encryptionKey }),
    };
    this.deadLetters = new sqs.Queue(this, 'DeadLetters', {
      ...common,
      removalPolicy: deleteDataWithStack ? RemovalPolicy.DESTROY : RemovalPolicy.RETAIN,
    });
    this.jobs = new sqs.Queue(this, 'Jobs', {
      ...common,
      visibilityTimeout: Duration.millis(defaultTimers.visibilityMs),
      receiveMessageWaitTime: Duration.millis(defaultTimers.receiveWaitMs),
      deadLetterQueue: { queue: this.deadLetters, maxReceiveCount: receivesMax },
      // Nobody makes the jobs queue a queue of dead letters of their own.
      redriveAllowPolicy: { redrivePermission: sqs.RedrivePermission.DENY_ALL },
      removalPolicy: RemovalPolicy.DESTROY,
    });
  }
}
