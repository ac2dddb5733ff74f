import { mkdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { inProcessTransfer } from '../../job/transfer/transfer.ts';
import { startCommandHost } from '../../job/trainer/command-host.ts';
import { startLevelOneTrainer } from '../../job/trainer/level-one-trainer.ts';
import type { StartTrainer, TrainerOrder } from '../../job/trainer/start-trainer.ts';
import { hostArguments, systemMeans, type WorkerMeans } from '../../job/worker-means.ts';
import { type Clock, systemClock } from '../../lib/base/clock.ts';
import { sha256Hex } from '../../lib/base/digest.ts';
import { builtFile } from '../../lib/base/package-files.ts';
import { type Random, seededRandom, systemRandom } from '../../lib/base/random.ts';
import { withRetries } from '../../lib/client/region.ts';
import { openDirectoryObjectStore } from '../../lib/store/directory-object-store.ts';
import type { ObjectStore } from '../../lib/store/object-store.ts';
import { faultLog, type NoteFault } from './fault-log.ts';
import { faultyJobQueue } from './faulty-job-queue.ts';
import { FaultyObjectStore } from './faulty-object-store.ts';
import { jumpingClock } from './jumping-clock.ts';
import { slowObjectStore } from './slow-object-store.ts';
import { type FaultWindow, isOpen, type WorkerFaults } from './worker-faults.ts';

/** What a machine's faults are made with. */
interface Weather {
  readonly faults: WorkerFaults;
  /** Chance of this machine alone. */
  readonly random: Random;
  readonly note: NoteFault;
  readonly isOpen: (window: FaultWindow | undefined) => boolean;
}

/**
 * The means of a worker with the faults of a rehearsal around them. The store keeps the right time whatever the machine's
 * clock says, and its faults lie below its retries, where a network's are.
 * @param instance draws its faults by this and the seed
 */
export function rehearsedMeans(faults: WorkerFaults, instance: string): WorkerMeans {
  const beganMs = systemClock.monotonicMs();
  const weather: Weather = {
    faults,
    random: seededRandom(
      Number.parseInt(sha256Hex(Buffer.from(`${faults.seed}:${instance}`)).slice(0, 12), 16),
    ),
    note: faultLog({ path: faults.faultsLog, instance, clock: systemClock }),
    isOpen: (window) => isOpen(window, (systemClock.monotonicMs() - beganMs) / 1_000),
  };
  const clock =
    faults.clock === undefined ? systemClock : jumpingClock(systemClock, faults.clock.jumps, weather.note);
  return {
    ...systemMeans,
    clock,
    openStore: (uri) => openRehearsedStore(uri, weather),
    openQueue: (uri) => openRehearsedQueue(uri, weather),
    // Threads open the store for themselves, and would meet no fault.
    openTransfer: (faults.store ?? faults.network) ? () => inProcessTransfer : systemMeans.openTransfer,
    startTrainer: rehearsedTrainer(faults, clock),
  };
}

async function openRehearsedStore(uri: string, weather: Weather): Promise<ObjectStore> {
  if (!uri.startsWith('file:')) return systemMeans.openStore(uri);
  const { faults, random, note } = weather;
  const ports = { clock: systemClock, random: systemRandom };
  let store: ObjectStore = await openDirectoryObjectStore(uri, ports);
  if (faults.network !== undefined) {
    const { latencyMs, bytesPerSecond } = faults.network;
    store = slowObjectStore(store, { clock: systemClock, latencyMs, bytesPerSecond });
    if (latencyMs > 0 || bytesPerSecond !== undefined)
      note({ where: 'network', what: 'slow', detail: `${latencyMs} ms, ${bytesPerSecond ?? 'any'} bytes/s` });
  }
  if (faults.store !== undefined) {
    const { when, ...rates } = faults.store;
    store = new FaultyObjectStore(store, {
      random,
      rates,
      isBad: () => weather.isOpen(when),
      onFault: ({ fault, method, key }) => note({ where: 'store', what: fault, detail: `${method} ${key}` }),
    });
  }
  return withRetries(store, ports);
}

async function openRehearsedQueue(uri: string, weather: Weather): ReturnType<WorkerMeans['openQueue']> {
  const queue = await systemMeans.openQueue(uri);
  const { faults, random, note } = weather;
  if (faults.queue === undefined) return queue;
  const { when, ...rates } = faults.queue;
  return faultyJobQueue(queue, {
    random,
    rates,
    isBad: () => weather.isOpen(when),
    onFault: ({ fault, method }) => note({ where: 'queue', what: fault, detail: method }),
  });
}

/** A program that is no bundled one has neither steps to note nor a file system that could be played with. */
function rehearsedTrainer(faults: WorkerFaults, clock: Clock): StartTrainer {
  const preload = builtFile('proof/rehearsal/trainer-preload.js');
  const isDisturbed = faults.disk !== undefined || faults.clock !== undefined;
  const args = isDisturbed ? [`--import=${pathToFileURL(preload).href}`, ...hostArguments] : hostArguments;
  return (order, events) =>
    order.spec.program.kind === 'command'
      ? startCommandHost(order, events, clock)
      : startLevelOneTrainer(withRecord(order, faults), events, { command: process.execPath, args });
}

function withRecord(order: TrainerOrder, { recordsDir }: WorkerFaults): TrainerOrder {
  if (recordsDir === undefined) return order;
  const dir = join(recordsDir, order.spec.jobId);
  mkdirSync(dir, { recursive: true });
  // The home of an attempt is named after its claim.
  return { ...order, record: { path: join(dir, `${basename(order.dirs.home)}.ndjson`), stateEverySteps: 0 } };
}
