/** How long a call to AWS may take. The SDK's own default is for ever. */
export interface AwsTimeouts {
  /** Until the connection stands. A handshake within a region takes milliseconds; two seconds allow for one lost packet. */
  readonly connectMs: number;
  /** Without a byte in either direction. Notices a dead connection in the middle of a body, long before the whole call may end. */
  readonly idleMs: number;
  /** From the request to the head of the answer, for a call without a body. S3 and SQS answer within one second as a rule. */
  readonly answerMs: number;
  /** A body may take as long as this rate needs: a quarter of a MiB/s, a slow home line shared by four uploads. */
  readonly slowestBytesPerSecond: number;
}

export const awsTimeouts: AwsTimeouts = {
  connectMs: 2_000,
  idleMs: 10_000,
  answerMs: 10_000,
  slowestBytesPerSecond: 256 * 1024,
};

/** The longest time until the head of an answer to a request with a body of `bytes`. */
export function answerTimeoutMs(timeouts: AwsTimeouts, bytes: number): number {
  return timeouts.answerMs + Math.ceil((bytes / timeouts.slowestBytesPerSecond) * 1_000);
}
