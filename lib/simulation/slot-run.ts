import type { Account } from './account.ts';
import type { SimulatedJob } from './simulated-job.ts';
import type { SimulationOptions } from './simulation-options.ts';
import type { Strategy } from './strategies.ts';
import type { UpInterval } from './trace.ts';

/** What grows while a slot is simulated. */
export interface SlotRun {
  readonly job: SimulatedJob;
  readonly account: Account;
  /** Every save is told by itself: nothing may be booked in one. */
  readonly keepsStory: boolean;
  readonly counts: {
    lostSteps: number;
    saves: number;
    writes: number;
    reads: number;
    uploadedBytes: number;
    downloadedBytes: number;
  };
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
