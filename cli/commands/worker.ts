import { join } from 'node:path';
import { runWorkerProcess } from '../../job/main.ts';
import { UsageError } from '../../lib/base/errors.ts';
import { locateRegion } from '../../lib/client/locate-region.ts';
import { timersFrom } from '../../lib/contract/timers.ts';
import { workerEnvironment } from '../../lib/contract/worker-environment.ts';
import { defaultImdsEndpoint } from '../../lib/interruption/imds-client.ts';
import type { CliContext, Command } from '../context.ts';
import type { WorkerInput } from '../inputs.ts';
import { regionDir } from '../region-dir.ts';

/** `holdfast worker`: what an instance runs. Its log goes to stderr, one JSON object a line. */
export const worker: Command<WorkerInput> = async (context, input) => {
  const { options, cwd, env, terminal } = context;
  const place = await locateRegion({ ...options, cwd, env });
  if (place.queue === undefined) {
    throw new UsageError('a worker needs a queue.', { hint: 'Add --queue, or set HOLDFAST_QUEUE.' });
  }
  const heartbeatMs =
    input.heartbeatMs ?? fromEnvironment(context, workerEnvironment.heartbeatMs) ?? place.timers.heartbeatMs;
  const visibilityMs =
    input.visibilityMs ??
    fromEnvironment(context, workerEnvironment.visibilityMs) ??
    place.timers.visibilityMs;
  return runWorkerProcess({
    store: place.store,
    queue: place.queue,
    workDir: input.workDir ?? env[workerEnvironment.workDir] ?? join(regionDir(context), 'work'),
    timers: timersFrom({ heartbeatMs, visibilityMs }),
    imdsEndpoint: imdsEndpointOf(context, input, place.store),
    once: input.once,
    idleExitMs: input.idleExitMs ?? fromEnvironment(context, workerEnvironment.idleExitMs),
    autoScalingGroup: input.autoScalingGroup ?? nonEmpty(env[workerEnvironment.autoScalingGroup]),
    writeLog: (line) => terminal.say(line.trimEnd()),
  });
};

/** A store in S3 means an instance unless something else is said; a store in a folder means this very machine. */
function imdsEndpointOf({ env }: CliContext, { imds }: WorkerInput, store: string): string | undefined {
  if (imds === 'none') return undefined;
  if (imds !== undefined) return imds;
  return (
    env['AWS_EC2_METADATA_SERVICE_ENDPOINT'] ?? (store.startsWith('s3:') ? defaultImdsEndpoint : undefined)
  );
}

const nonEmpty = (text: string | undefined): string | undefined => (text === '' ? undefined : text);

function fromEnvironment({ env }: CliContext, name: string): number | undefined {
  const text = env[name];
  if (text === undefined || text === '') return undefined;
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  throw new UsageError(`${name} is not a number of milliseconds: \`${text}\`.`);
}
