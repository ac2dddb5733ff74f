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

/** A message that nobody could make sense of, kept beside the queue for a person to look at. */
export interface DeadLetter {
  /** Names it here; another one than the message had in the queue where the service makes up ids anew. */
  readonly messageId: string;
  /** The body's first 200 characters. */
  readonly excerpt: string;
  /** What was said when it was set aside; undefined for one that the queue itself gave up on after too many receives. */
  readonly reason: string | undefined;
  /** When it was set aside; of one that the queue gave up on, when it was sent, where the service tells no more. */
  readonly since: Date;
  /** How often it was received before that; undefined where nobody counted. */
  readonly receiveCount: number | undefined;
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
  /**
   * Moves a message that was received to the dead letters, with the reason, for people. It is there before it is gone
   * here: a crash in between leaves it in both places, never in none. Of a body that leaves no room for the reason the end
   * is cut off. `left`: it stays where it is, because the queue has no place for dead letters, or because the handle
   * is known to be another receiver's by now.
   */
  setAside(message: QueueMessage, reason: string): Promise<'set-aside' | 'left'>;
  /**
   * Looks at up to `limit` dead letters (100 at most), in no order, and takes none away. Where the service can only look
   * by receiving, they are hidden from others for the moment, so that two who look at once may each see a part.
   * @throws UnfitError when the queue has no place for dead letters
   */
  deadLetters(options: { readonly limit: number }): Promise<readonly DeadLetter[]>;
  /**
   * Sends a dead letter once more, with its receives counted anew, and then removes it: a crash in between leaves an extra
   * one. Returns the id of the message in the queue.
   * @throws NotFoundError when it is not there; ConflictError when it is not whole any more; UnfitError as `deadLetters`
   */
  redrive(messageId: string): Promise<{ readonly messageId: string }>;
  close(): Promise<void>;
}
