import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { silentLog } from '../../lib/base/log.ts';
import { builtFile } from '../../lib/base/package-files.ts';
import { openRegion, type Region, type RegionPorts } from '../../lib/client/region.ts';
import { timersFrom } from '../../lib/contract/timers.ts';
import { type LocalRegion, openLocalRegion } from '../../local/local-region.ts';
import type { Scenario } from './scenario.ts';
import { faultsVariable, type MachineFaults, type WorkerFaults } from './worker-faults.ts';

export interface RehearsalRegionOptions {
  readonly dir: string;
  readonly scenario: Scenario;
  readonly seed: number;
  readonly workers: number;
  readonly faults: MachineFaults;
  readonly ports: RegionPorts;
}

export interface RehearsalRegion extends AsyncDisposable {
  readonly local: LocalRegion;
  readonly region: Region;
}

export const recordsDirOf = (dir: string): string => join(dir, 'records');
export const faultsLogOf = (dir: string): string => join(dir, 'faults.ndjson');

/** A local region whose workers are those of rehearsals. */
export async function openRehearsalRegion(options: RehearsalRegionOptions): Promise<RehearsalRegion> {
  const { dir, scenario, seed, workers, faults, ports } = options;
  const { heartbeatSeconds, visibilitySeconds, noticeSeconds, bootSeconds } = scenario;
  const timers = timersFrom({
    heartbeatMs: heartbeatSeconds * 1_000,
    visibilityMs: visibilitySeconds * 1_000,
  });
  const told: WorkerFaults = {
    format: 1,
    seed,
    recordsDir: recordsDirOf(dir),
    faultsLog: faultsLogOf(dir),
    ...faults,
  };
  const faultsFile = join(dir, 'faults.json');
  await writeFile(faultsFile, JSON.stringify(told));
  const local = await openLocalRegion({
    dir,
    timers,
    workers,
    noticeMs: noticeSeconds * 1_000,
    bootMs: bootSeconds * 1_000,
    workerCommand: [process.execPath, builtFile('proof/rehearsal/worker-entry.js')],
    environment: { [faultsVariable]: faultsFile },
    log: silentLog,
    ...ports,
  });
  try {
    const { storeUri: store, queueUri: queue } = local;
    const region = await openRegion({ store, queue, origin: 'local', timers }, ports);
    return {
      local,
      region,
      async [Symbol.asyncDispose]() {
        await region.close();
        await local.dispose();
      },
    };
  } catch (error) {
    await local.dispose();
    throw error;
  }
}
