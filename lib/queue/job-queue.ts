/**
 * The job queue as Holdfast needs it: SQS standard semantics. At least once, in no order. One contract suite
 * (`test/lib/queue/job-queue-contract.ts`) holds every driver to the duties below.
 *
 * Errors of all methods: `TransientError`, `AccessDeniedError`.
 */

export interface QueueMessage {
  readonly messageId: string;
  readonly body: string;
  /** Belongs to this receive. Whether a stale one still acts is undefined, as on SQS: never rest safety on it. */
  readonly receiptHandle: string;
  /** 1 for the first receive. */
  readonly receiveCount: number;
}

export interface SendOptions {
  /** Fairness between owners; no order. */
  readonly groupId?: string;
  /** Hidden this long first; 15 minutes at most. */
  readonly delayMs?: number;
}

export interface QueueDepth {
  readonly visible: number;
  readonly inFlight: number;
  readonly delayed: number;
}

export interface JobQueue {
  /** `file:///dir` or the SQS URL. */
  readonly uri: string;
  send(body: string, options?: SendOptions): Promise<{ readonly messageId: string }>;
  /** Waits up to `waitMs` for a message and hides it for `visibilityMs`. Undefined when none came or the signal was aborted. */
  receive(options: {
    readonly waitMs: number;
    readonly visibilityMs: number;
    readonly signal?: AbortSignal;
  }): Promise<QueueMessage | undefined>;
  /** Hides the message for `visibilityMs` from now; 0 shows it at once. `lost`: it is no longer ours to hide. */
  changeVisibility(receiptHandle: string, visibilityMs: number): Promise<'changed' | 'lost'>;
  /** Removes the message for good. A handle that is no longer valid is no error. */
  delete(receiptHandle: string): Promise<void>;
  depth(): Promise<QueueDepth>;
  close(): Promise<void>;
}
