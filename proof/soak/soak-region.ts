import { appendFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../lib/base/clock.ts';
import { silentLog } from '../../lib/base/log.ts';
import { builtFile } from '../../lib/base/package-files.ts';
import type { Random } from '../../lib/base/random.ts';
import { openRegion, type Region } from '../../lib/client/region.ts';
import { timersFrom } from '../../lib/contract/timers.ts';
import { openLocalRegion } from '../../local/local-region.ts';
import type { SpotMarket } from '../../local/spot-market.ts';
import { faultsVariable, type MachineFaults, type WorkerFaults } from '../rehearsal/worker-faults.ts';
import type { WorkerExit } from './audit-exits.ts';

export interface SoakRegionOptions {
  readonly dir: string;
  readonly workers: number;
  /** Draws the faults of every machine, together with the machine's id. */
  readonly seed: number;
  readonly faults: MachineFaults;
  readonly clock: Clock;
  readonly random: Random;
}

export interface SoakRegion extends AsyncDisposable {
  readonly region: Region;
  readonly market: SpotMarket;
  /** Where trainers note their steps. */
  readonly recordsDir: string;
  /** Where machines note their faults. */
  readonly faultsLog: string;
  /** How workers ended so far, but for those whose machine was taken away. */
  readonly exits: readonly WorkerExit[];
}

/** As short as a busy machine of two cores bears: the ratios of the protocol stay as they are on EC2. */
const timers = timersFrom({ heartbeatMs: 1_500, visibilityMs: 6_000 });

/** A worker that is killed after it lived this long was killed by the storm, and is no failure to start. */
const livedMs = 1_000;

/** A region on this machine whose workers note every step, over a store and a queue that fail as told. */
export async function openSoakRegion(options: SoakRegionOptions): Promise<SoakRegion> {
  const { dir, workers, seed, faults, clock, random } = options;
  const recordsDir = join(dir, 'records');
  const faultsLog = join(dir, 'faults.ndjson');
  const faultsFile = join(dir, 'faults.json');
  const workerFaults: WorkerFaults = { format: 1, seed, ...faults, recordsDir, faultsLog };
  await mkdir(recordsDir, { recursive: true });
  await writeFile(faultsFile, JSON.stringify(workerFaults));
  const marketLog = join(dir, 'market.ndjson');
  const exits: WorkerExit[] = [];
  const local = await openLocalRegion({
    dir,
    onEvent(event) {
      appendFileSync(marketLog, `${JSON.stringify(event)}\n`);
      if (event.kind === 'exited') exits.push(event);
    },
    timers,
    workers,
    noticeMs: 5_000,
    bootMs: 200,
    workerCommand: [process.execPath, builtFile('proof/rehearsal/worker-entry.js')],
    environment: { [faultsVariable]: faultsFile },
    failureLimits: { failuresMax: 5, delayMs: 500, delayMsMax: 4_000, livedMs },
    clock,
    random,
    log: silentLog,
  });
  const region = await openRegion(
    { store: local.storeUri, queue: local.queueUri, origin: 'local', timers },
    { clock, random },
  );
  return {
    region,
    market: local.market,
    recordsDir,
    faultsLog,
    exits,
    async [Symbol.asyncDispose]() {
      await local.dispose();
      await region.close();
    },
  };
}
