import type { Account } from './account.ts';
import type { SimulatedJob } from './simulated-job.ts';
import type { SimulationOptions } from './simulation-options.ts';
import type { Strategy } from './strategies.ts';
import type { UpInterval } from './trace.ts';

/** What a run of a slot is counted by. */
export interface SlotCounts {
  /** Steps that were done in vain. */
  readonly lostSteps: number;
  /** Checkpoints that became durable. */
  readonly saves: number;
  readonly writes: number;
  readonly reads: number;
  readonly uploadedBytes: number;
  readonly downloadedBytes: number;
}

/** How machines ended. */
export interface Ends {
  readonly interruptions: number;
  /** Those that came without a notice. */
  readonly silent: number;
}

/** What grows while a slot is simulated. */
export interface SlotRun {
  readonly job: SimulatedJob;
  readonly account: Account;
  /** Every save is told by itself: nothing may be booked in one. */
  readonly keepsStory: boolean;
  readonly counts: { -readonly [Count in keyof SlotCounts]: SlotCounts[Count] };
  /** Steps done by now: of the last checkpoint, and beyond it while a machine trains. */
  reachedStep: number;
  /** What the last heartbeat told of an attempt that then fell silent. */
  heardStep: number;
  /** No worker may take the job before. */
  claimableFromSeconds: number;
}

export interface AttemptQuestion {
  readonly up: UpInterval;
  readonly strategy: Strategy;
  readonly options: SimulationOptions;
  /** The machine goes without a notice. */
  readonly isMissed: boolean;
}
