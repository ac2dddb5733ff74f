import type { Clock } from '../lib/base/clock.ts';
import type { Deadline } from '../lib/base/deadline.ts';
import type { Log } from '../lib/base/log.ts';
import type { Random } from '../lib/base/random.ts';
import type { Instance } from '../lib/contract/journal-entry.ts';
import type { FailureLimits } from './after-exit.ts';
import type { MarketEvent } from './market-event.ts';

export interface SpotMarketOptions {
  /** Holds a folder for each instance, with its disk and its log. */
  readonly dir: string;
  /** Instances that are kept alive. */
  readonly workers: number;
  /** What an instance runs; nothing is known of its inside but its exit codes (`workerExitCodes`). */
  readonly command: readonly string[];
  /** For every worker, as HOLDFAST_STORE. */
  readonly environment: Readonly<Record<string, string>>;
  /** From notice to SIGKILL where `interrupt` does not say. */
  readonly noticeMs: number;
  /** From the launch of a replacement until its worker starts. */
  readonly bootMs: number;
  readonly clock: Clock;
  /** Draws the ids of instances, by which their processes are found: two markets of one machine must not draw the same. */
  readonly random: Random;
  readonly log: Log;
  /** Whether instances that drained are needed again. @default there are always jobs */
  readonly jobsWait?: () => Promise<boolean>;
  /** Between two questions of that kind. @default 1000 */
  readonly scalePollMs?: number;
  readonly failureLimits?: FailureLimits;
  readonly onEvent?: (event: MarketEvent) => void;
}

/** An instance as the market sees it now. */
export interface MarketInstance {
  readonly instance: Instance;
  readonly pid: number;
  readonly logFile: string;
  readonly startedAt: Date;
  /** Set once its end has been announced. */
  readonly deadline: Deadline | undefined;
}

/** An interruption that is under way. */
export interface Interruption {
  readonly deadline: Deadline;
  /** Resolves when nothing of the instance runs any more. */
  readonly gone: Promise<void>;
}

/** How an end is announced, and what becomes of it. */
export interface InterruptOptions {
  /** @default the market's */
  readonly noticeMs?: number;
  /** @default 'terminate' */
  readonly action?: 'terminate' | 'stop' | 'hibernate';
  /** The announced time moves with every look, as some mocks have it. @default false */
  readonly isMoving?: boolean;
  /** False: nobody pulls the plug at the deadline, as EC2 sometimes does not. @default true */
  readonly isCarriedOut?: boolean;
}
