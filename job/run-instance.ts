import { systemClock } from '../lib/base/clock.ts';
import { messageOf, remedyOf } from '../lib/base/errors.ts';
import { jsonLog, type Log } from '../lib/base/log.ts';
import { workerExitCodes } from '../lib/contract/exit-codes.ts';
import { type Gpu, probeGpus } from './gpu-probe.ts';
import { type Environment, instanceSettings, type InstanceSettings } from './instance-settings.ts';
import { type PrepareWorker, runWorkerProcess } from './main.ts';
import { PtxCache, ptxCacheName } from './ptx-cache.ts';
import type { RunCommand } from './run-command.ts';

export interface InstancePorts {
  readonly env: Environment;
  /** One log line, newline included. */
  readonly writeLog: (line: string) => void;
  readonly run: RunCommand;
}

/**
 * A worker on an instance, from its environment to its exit code. The GPU is asked before anything else: a machine without
 * one ends with 70 and is replaced, where it would only turn jobs into strikes.
 */
export async function runInstance(ports: InstancePorts): Promise<number> {
  const { env, writeLog, run } = ports;
  const log = jsonLog({ clock: systemClock, write: writeLog });
  let settings: InstanceSettings;
  try {
    settings = instanceSettings(env);
  } catch (error) {
    log.error('worker-ended', { message: messageOf(error), remedy: remedyOf(error) });
    return workerExitCodes.configuration;
  }
  let gpus: readonly Gpu[] = [];
  try {
    if (settings.isGpuRequired) gpus = await probeGpus(run);
  } catch (error) {
    log.error('gpu-unfit', { message: messageOf(error), remedy: remedyOf(error) });
    return workerExitCodes.fault;
  }
  if (gpus.length > 0) log.info('gpu-found', { gpus });
  const { store, queue, workDir, timers, imdsEndpoint, idleExitMs, autoScalingGroup } = settings;
  return runWorkerProcess({
    store,
    queue,
    workDir,
    timers,
    imdsEndpoint,
    idleExitMs,
    autoScalingGroup,
    once: false,
    writeLog,
    prepare: preparation(settings, gpus, run),
  });
}

/** Nothing to prepare where no GPU was asked for, or nobody says what its code is compiled for. */
function preparation(
  { gpuCodeFolder: folder, runtime, workDir }: InstanceSettings,
  [gpu]: readonly Gpu[],
  run: RunCommand,
): PrepareWorker | undefined {
  if (gpu === undefined || folder === undefined || runtime === undefined) return undefined;
  const name = ptxCacheName(gpu, runtime);
  return async ({ store, notices, log }) => {
    const cache = new PtxCache({ folder, scratchDir: workDir, name, store, clock: systemClock, log, run });
    return keepWhileWorking(cache, notices, log);
  };
}

/** A stop notice ends everything about the cache at once: what is left of the time belongs to checkpoints. */
async function keepWhileWorking(
  cache: PtxCache,
  notices: { onStop(listener: () => void): () => void },
  log: Log,
): Promise<AsyncDisposable> {
  const stopped = new AbortController();
  const ended = new AbortController();
  const end = (): void => ended.abort();
  const forget = notices.onStop(() => {
    stopped.abort();
    end();
  });
  await cache.restore(stopped.signal);
  const following = cache
    .follow(ended.signal)
    .catch((error: unknown) => log.warn('gpu-code-not-followed', { message: messageOf(error) }));
  return {
    async [Symbol.asyncDispose]() {
      end();
      await following;
      if (!stopped.signal.aborted) await cache.saveAtEnd(stopped.signal);
      forget();
    },
  };
}
