/** Settings of a bucket on which a job rests, or which guard it. Undefined: we may not look. */
export interface BucketSettings {
  readonly isVersioned: boolean | undefined;
  /** All four blocks of public access. */
  readonly blocksPublicAccess: boolean | undefined;
  /** As `AES256` or `aws:kms`; `none` where S3 says that there is none. */
  readonly encryption: string | undefined;
}

/** Settings of a queue on which tickets rest. */
export interface QueueSettings {
  readonly visibilitySeconds: number;
  readonly retentionSeconds: number;
  /** ARN of the queue of dead letters; undefined where there is none. */
  readonly deadLetterArn: string | undefined;
  readonly maxReceiveCount: number | undefined;
  readonly visible: number;
  readonly inFlight: number;
}
