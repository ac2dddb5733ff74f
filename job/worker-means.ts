import { type Clock, systemClock } from '../lib/base/clock.ts';
import { builtFile } from '../lib/base/package-files.ts';
import { type Random, systemRandom } from '../lib/base/random.ts';
import { openQueue, openStore } from '../lib/client/region.ts';
import type { JobQueue } from '../lib/queue/job-queue.ts';
import type { ObjectStore } from '../lib/store/object-store.ts';
import { startCommandHost } from './trainer/command-host.ts';
import { startLevelOneTrainer } from './trainer/level-one-trainer.ts';
import type { StartTrainer } from './trainer/start-trainer.ts';
import { openTransfer } from './transfer/open-transfer.ts';

/** What a worker process is made of. On an instance these are `systemMeans`; a rehearsal puts bad weather around some of them. */
export interface WorkerMeans {
  readonly clock: Clock;
  readonly random: Random;
  openStore(this: void, uri: string): Promise<ObjectStore>;
  openQueue(this: void, uri: string): Promise<JobQueue>;
  readonly openTransfer: typeof openTransfer;
  readonly startTrainer: StartTrainer;
}

/** The process that runs bundled programs, as arguments of Node.js; the file with its orders comes last. */
export const hostArguments: readonly string[] = [
  '--enable-source-maps',
  builtFile('job/trainer/tfjs-host.js'),
];

const startTrainer: StartTrainer = (order, events) =>
  order.spec.program.kind === 'command'
    ? startCommandHost(order, events, systemClock)
    : startLevelOneTrainer(order, events, { command: process.execPath, args: hostArguments });

const ports = { clock: systemClock, random: systemRandom };

export const systemMeans: WorkerMeans = {
  ...ports,
  openStore: (uri) => openStore(uri, ports),
  openQueue: (uri) => openQueue(uri, ports),
  openTransfer,
  startTrainer,
};
