/**
 * The worker of rehearsals and soaks: the very worker that runs on an instance (`job/main.ts`), over a local region, with
 * faults around its store, queue, network, disk and clock. `HOLDFAST_REHEARSAL_FAULTS` names the JSON file that says which
 * (`worker-faults.ts`); without it nothing is disturbed. The rest it is told as every worker of a local region.
 */
import { runWorkerProcess } from '../../job/main.ts';
import { systemMeans } from '../../job/worker-means.ts';
import { defined } from '../../lib/base/assert.ts';
import { timersFrom } from '../../lib/contract/timers.ts';
import { workerEnvironment } from '../../lib/contract/worker-environment.ts';
import { instanceMark } from '../../local/process-tree.ts';
import { rehearsedMeans } from './rehearsed-means.ts';
import { readWorkerFaults } from './worker-faults.ts';

const { env } = process;
const told = (name: string): string => defined(env[name], `a worker of a local region is told ${name}`);

const faults = readWorkerFaults(env);
process.exitCode = await runWorkerProcess(
  {
    store: told(workerEnvironment.store),
    queue: told(workerEnvironment.queue),
    workDir: told(workerEnvironment.workDir),
    timers: timersFrom({
      heartbeatMs: Number(told(workerEnvironment.heartbeatMs)),
      visibilityMs: Number(told(workerEnvironment.visibilityMs)),
    }),
    imdsEndpoint: told('AWS_EC2_METADATA_SERVICE_ENDPOINT'),
    once: false,
    idleExitMs: undefined,
    writeLog: (line) => void process.stderr.write(line),
  },
  faults === undefined ? systemMeans : rehearsedMeans(faults, env[instanceMark] ?? ''),
);
