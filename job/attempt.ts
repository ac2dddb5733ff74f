import type { RestoreResult } from '../lib/checkpoint/restore.ts';
import type { JobSpec } from '../lib/contract/job-spec.ts';
import type { TrainerMessage } from '../lib/contract/trainer-messages.ts';
import type { Claim } from '../lib/journal/claim.ts';
import type { CheckpointRecord, JobState } from '../lib/journal/job-state.ts';
import type { LatchedStop } from '../lib/interruption/notice-watch.ts';
import type { RequestAnswer } from './checkpoint-answers.ts';
import type { Mailbox } from './mailbox.ts';
import type { HeldTicket } from './ownership.ts';
import type { ProgressWatch } from './progress-watch.ts';
import type { Segments } from './segments.ts';
import type { TrainerExit } from './trainer/trainer.ts';
import type { AttemptDirs } from './work-dirs.ts';

/** One worker's claim of a job, from `claimed` to the entry that ends it. */
export interface Attempt {
  readonly spec: JobSpec;
  readonly claim: Claim;
  readonly ticket: HeldTicket;
  readonly progress: ProgressWatch;
  readonly events: Mailbox<AttemptEvent>;
  readonly segments: Segments;
  readonly dirs: AttemptDirs;
  /** Aborted when the attempt ends, or the claim is lost: downloads and uploads stop. */
  readonly signal: AbortSignal;
  /** Aborts `signal`. */
  stopWork(reason: unknown): void;
}

/** Everything that can happen to an attempt. One loop takes them in order (stages/train.ts). */
export type AttemptEvent =
  | { readonly kind: 'restored'; readonly result: RestoreResult; readonly elapsedMs: number }
  | { readonly kind: 'restore-failed'; readonly error: unknown }
  | { readonly kind: 'message'; readonly message: TrainerMessage }
  | { readonly kind: 'exit'; readonly exit: TrainerExit }
  | { readonly kind: 'notice'; readonly stop: LatchedStop }
  | { readonly kind: 'rebalance' }
  | { readonly kind: 'requested'; readonly requests: JobState['requests'] }
  | { readonly kind: 'prune-requested' }
  | { readonly kind: 'ticket-lost' }
  | { readonly kind: 'handover-due' }
  | { readonly kind: 'hung'; readonly verdict: string }
  | { readonly kind: 'fenced'; readonly error: unknown }
  | { readonly kind: 'broken'; readonly error: unknown }
  | { readonly kind: 'save-due' }
  | { readonly kind: 'flush-due' }
  | { readonly kind: 'answer-overdue' }
  | { readonly kind: 'cut' }
  /** An answer to the request that ends the attempt. */
  | { readonly kind: 'answered'; readonly purpose: EndPurpose; readonly answer: RequestAnswer }
  /** Nothing is on its way to the store any more. */
  | { readonly kind: 'drained'; readonly outcome: () => Outcome };

/** Why an attempt is being brought to its end. */
export type EndPurpose = 'notice' | 'pause' | 'handover' | 'done';

/** How an attempt ended; `stages/settle.ts` turns it into journal entries and tickets. */
export type Outcome =
  | {
      readonly kind: 'completed';
      readonly record: CheckpointRecord;
      readonly reason: string;
      readonly metrics: Readonly<Record<string, number>>;
    }
  | { readonly kind: 'interrupted'; readonly notice: string }
  /** `later`: not for this worker; somebody else should have a chance first. */
  | { readonly kind: 'handover'; readonly why: string; readonly later: boolean }
  | { readonly kind: 'paused' }
  | { readonly kind: 'cancelled' }
  /** The user's code failed: a strike. */
  | { readonly kind: 'error'; readonly message: string }
  /** No retry can help: NaN loss, incompatible checkpoint, nothing good left to restore. */
  | { readonly kind: 'failed'; readonly reason: string; readonly message: string }
  | { readonly kind: 'infrastructure'; readonly message: string }
  | { readonly kind: 'hung'; readonly message: string }
  /** Somebody else owns the job: touch nothing. */
  | { readonly kind: 'fenced'; readonly message: string };
