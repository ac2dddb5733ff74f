import type { Clock } from '../lib/base/clock.ts';
import type { Log } from '../lib/base/log.ts';
import type { Random } from '../lib/base/random.ts';
import type { Instance } from '../lib/contract/journal-entry.ts';
import type { Timers } from '../lib/contract/timers.ts';
import type { NoticeWatch } from '../lib/interruption/notice-watch.ts';
import type { JobQueue } from '../lib/queue/job-queue.ts';
import type { ObjectStore } from '../lib/store/object-store.ts';
import type { FleetPlace } from './fleet-place.ts';
import type { Transfer } from './transfer/transfer.ts';
import type { StartTrainer } from './trainer/start-trainer.ts';
import type { AttemptFolders } from './work-dirs.ts';

/** Everything outside the worker, given once: production and tests differ in nothing else. */
export interface World {
  readonly store: ObjectStore;
  readonly queue: JobQueue;
  /** Moves checkpoints between this machine and the store. */
  readonly transfer: Transfer;
  readonly notices: NoticeWatch;
  /** Where nobody depends on an answer: protection, labels, retirement. */
  readonly fleet: FleetPlace;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly timers: Timers;
  readonly instance: Instance;
  /** For downloads, restored checkpoints and level 0 folders; emptied per attempt. */
  readonly workDir: string;
  /** For slots: memory where there is some. */
  readonly stagingDir: string;
  /** @default on this machine's disks */
  readonly folders?: AttemptFolders;
  readonly startTrainer: StartTrainer;
  /** Another store, for inputs and programs that lie outside the job's own. */
  readonly openStore: (uri: string) => Promise<ObjectStore>;
}
