import { workerExitCodes } from '../../lib/contract/exit-codes.ts';
import type { MarketEvent } from '../../local/market-event.ts';
import type { Finding } from './finding.ts';

export type WorkerExit = Extract<MarketEvent, { kind: 'exited' }>;

/** As a shell tells SIGKILL, by which the storm kills workers. */
const killed = 137;

const expected: ReadonlySet<number | null> = new Set([
  workerExitCodes.drained,
  workerExitCodes.handedOver,
  killed,
  // Nobody told: the whole machine went.
  null,
]);

/** A worker that dies of itself hides behind the storm, since another one brings its job to the end: its exit code shows it. */
export function auditExits(exits: readonly WorkerExit[]): readonly Finding[] {
  return exits
    .filter(({ code }) => !expected.has(code))
    .map(({ instanceId, code }) => ({
      jobId: '',
      rule: 'no worker ends by a fault',
      what: `that of ${instanceId} ended with ${code}; see its worker.log`,
    }));
}
