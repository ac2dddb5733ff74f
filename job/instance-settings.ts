import { UsageError } from '../lib/base/errors.ts';
import { defaultTimers, timersFrom, type Timers } from '../lib/contract/timers.ts';
import { workerEnvironment } from '../lib/contract/worker-environment.ts';
import { imdsEndpointFrom } from '../lib/interruption/imds-client.ts';

export interface InstanceSettings {
  readonly store: string;
  readonly queue: string;
  readonly workDir: string;
  readonly timers: Timers;
  readonly idleExitMs: number | undefined;
  readonly imdsEndpoint: string | undefined;
  readonly autoScalingGroup: string | undefined;
  readonly isGpuRequired: boolean;
  /** Names the libraries that the machine computes with. */
  readonly runtime: string | undefined;
  /** Where the GPU's driver keeps what it compiled. */
  readonly gpuCodeFolder: string | undefined;
}

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * What the boot script wrote into the environment.
 * @throws UsageError that names every variable that is missing, or the first one that makes no sense
 */
export function instanceSettings(env: Environment): InstanceSettings {
  const { store, queue, workDir } = workerEnvironment;
  const missing = [store, queue, workDir].filter((name) => valueOf(env, name) === undefined);
  if (missing.length > 0) {
    throw new UsageError(`the environment of the worker lacks ${missing.join(', ')}.`, {
      hint: 'On an instance it is /etc/holdfast/worker.env, which the boot script writes.',
    });
  }
  const storeUri = valueOf(env, store) ?? '';
  return {
    store: storeUri,
    queue: valueOf(env, queue) ?? '',
    workDir: valueOf(env, workDir) ?? '',
    timers: timersFrom({
      heartbeatMs: milliseconds(env, workerEnvironment.heartbeatMs) ?? defaultTimers.heartbeatMs,
      visibilityMs: milliseconds(env, workerEnvironment.visibilityMs) ?? defaultTimers.visibilityMs,
    }),
    idleExitMs: milliseconds(env, workerEnvironment.idleExitMs),
    // A store in a folder means that this is no instance, unless something else is said.
    imdsEndpoint:
      storeUri.startsWith('s3:') || valueOf(env, 'AWS_EC2_METADATA_SERVICE_ENDPOINT') !== undefined
        ? imdsEndpointFrom(env)
        : undefined,
    autoScalingGroup: valueOf(env, workerEnvironment.autoScalingGroup),
    isGpuRequired: isRequired(env, workerEnvironment.gpu),
    runtime: valueOf(env, workerEnvironment.runtime),
    gpuCodeFolder: valueOf(env, 'CUDA_CACHE_PATH'),
  };
}

/** An empty variable is one that is not set. */
function valueOf(env: Environment, name: string): string | undefined {
  const value = env[name];
  return value === '' ? undefined : value;
}

function milliseconds(env: Environment, name: string): number | undefined {
  const text = valueOf(env, name);
  if (text === undefined) return undefined;
  const value = Number(text);
  if (Number.isFinite(value) && value > 0) return value;
  throw new UsageError(`${name} is not a number of milliseconds: \`${text}\`.`);
}

function isRequired(env: Environment, name: string): boolean {
  const text = valueOf(env, name);
  if (text === undefined || text === 'required') return text !== undefined;
  throw new UsageError(`${name} is either \`required\` or not set, but it is \`${text}\`.`);
}
