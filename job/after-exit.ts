/**
 * Process entry, without arguments: what becomes of an instance whose worker has ended for good. systemd starts it in a
 * unit of its own (`OnFailure=` of the worker's unit), because it waits for minutes, which a stop of the worker's unit
 * must not; the end of the machine ends it by SIGTERM. It reads the worker's environment and `MONITOR_SERVICE_RESULT`,
 * `MONITOR_EXIT_STATUS`, and answers 0 once there is nothing left to do.
 */
import { jsonLog } from '../lib/base/log.ts';
import { messageOf } from '../lib/base/errors.ts';
import { retry } from '../lib/base/retry.ts';
import { systemClock } from '../lib/base/clock.ts';
import { systemRandom } from '../lib/base/random.ts';
import { workerEnvironment } from '../lib/contract/worker-environment.ts';
import { ImdsClient, imdsEndpointFrom } from '../lib/interruption/imds-client.ts';
import { readInstance } from '../lib/interruption/read-instance.ts';
import { exitVerdict } from './exit-verdict.ts';
import { giveBack } from './give-back.ts';

const clock = systemClock;
const log = jsonLog({ clock, write: (line) => process.stderr.write(line) });

async function main(env: Readonly<Record<string, string | undefined>>): Promise<void> {
  const { MONITOR_SERVICE_RESULT: result = 'unknown', MONITOR_EXIT_STATUS: status = '' } = env;
  const verdict = exitVerdict({ result, status });
  log.info('worker-is-gone', { result, status, verdict });
  const group = env[workerEnvironment.autoScalingGroup];
  if (verdict.kind === 'leave' || group === undefined || group === '') return;
  await clock.sleep(verdict.afterMs);
  const imds = new ImdsClient({ endpoint: imdsEndpointFrom(env), clock });
  // As long as the machine is there: ten tries of a minute at most.
  const limits = { attemptsMax: 10, delayMs: 2_000, delayMsMax: 60_000 };
  const instance = await retry(() => readInstance(imds), { clock, random: systemRandom, limits });
  const { openAutoScalingMembership } = await import('../lib/aws/auto-scaling-membership.ts');
  const membership = await openAutoScalingMembership({ group, instanceId: instance.id });
  await giveBack({ membership, clock, random: systemRandom, log, limits });
}

try {
  await main(process.env);
} catch (error) {
  log.error('instance-not-reported', { message: messageOf(error) });
  process.exitCode = 1;
}
