import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { z } from 'zod';
import { UsageError } from '../base/errors.ts';
import { type Deployment, deploymentSchema } from '../contract/deployment.ts';
import { parseDocument } from '../contract/parse-document.ts';
import { storeIdentity } from '../contract/store-identity.ts';
import { defaultTimers, timersFrom, type Timers } from '../contract/timers.ts';

type RegionOrigin = 'flags' | 'environment' | 'deployment' | 'local';

/** Where the store and the queue of a region are, and who said so. */
export interface RegionPlace {
  readonly store: string;
  /** Undefined when only a store was named: enough to read, not to submit. */
  readonly queue: string | undefined;
  readonly origin: RegionOrigin;
  /** How long an owner may be silent before it no longer counts as live. */
  readonly timers: Timers;
  /** What stands in AWS around this store, where `.holdfast/deployment.json` describes it. */
  readonly deployment?: Deployment;
}

export interface LocateOptions {
  readonly store?: string | undefined;
  readonly queue?: string | undefined;
  /** Folder of the local region; when it is named, the environment is not asked. @default '.holdfast' */
  readonly dir?: string | undefined;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** `region.json`: the local region, where it says anything at all. */
const localRegionSchema = z.object({
  format: z.literal(1),
  store: z.string().min(1).optional(),
  queue: z.string().min(1).optional(),
  heartbeatMs: z.number().positive().optional(),
  visibilityMs: z.number().positive().optional(),
});

/**
 * Finds the region that is meant: flags, else environment, else the deployment in `<dir>/deployment.json`, else the local
 * region in `<dir>`. Store and queue always come from one place: a ticket in another region's queue would wake nobody.
 * @throws UsageError when only a queue is named
 */
export async function locateRegion(options: LocateOptions): Promise<RegionPlace> {
  const { cwd, env } = options;
  const dir = resolve(cwd, options.dir ?? '.holdfast');
  const asked = options.dir === undefined ? env : {};
  const store = options.store ?? nonEmpty(asked['HOLDFAST_STORE']);
  const queue = options.queue ?? nonEmpty(asked['HOLDFAST_QUEUE']);
  const standing = await standingRegion(dir);
  if (store === undefined && queue === undefined) return standing;
  if (store === undefined) {
    throw new UsageError('a queue is named, but no store.', {
      hint: 'Add --store, or set HOLDFAST_STORE.',
    });
  }
  const named = absoluteUri(store, cwd);
  const isStanding = storeIdentity(named) === storeIdentity(standing.store);
  return {
    store: named,
    queue: queue === undefined ? (isStanding ? standing.queue : undefined) : absoluteUri(queue, cwd),
    origin: options.store === undefined ? 'environment' : 'flags',
    timers: isStanding ? standing.timers : defaultTimers,
    ...(isStanding && standing.deployment !== undefined ? { deployment: standing.deployment } : {}),
  };
}

/** The address with a relative path made absolute: `file:./store` and plain paths depend on where they were typed. */
export function absoluteUri(address: string, cwd: string): string {
  if (/^[a-z][a-z0-9+.-]*:/i.test(address) && !/^file:(?!\/)/.test(address)) return trimmed(address);
  return trimmed(pathToFileURL(resolve(cwd, address.replace(/^file:/, ''))).href);
}

const trimmed = (uri: string): string => uri.replace(/(?<!\/)\/$/, '');
const nonEmpty = (text: string | undefined): string | undefined => (text === '' ? undefined : text);

/**
 * The deployment that `<dir>/deployment.json` describes, or with `file` the one that was set aside; undefined where there is
 * none.
 * @throws CorruptionError when the file is no deployment
 */
export async function readDeployment(
  dir: string,
  file: 'deployment.json' | 'deployment.previous.json' = 'deployment.json',
): Promise<Deployment | undefined> {
  const at = join(dir, file);
  const text = await readOptional(at);
  return text === undefined ? undefined : parseDocument(deploymentSchema, text, { what: 'deployment', at });
}

async function standingRegion(dir: string): Promise<RegionPlace> {
  const deployment = await readDeployment(dir);
  if (deployment !== undefined) {
    const { store, queue } = deployment;
    return { store, queue, origin: 'deployment', timers: defaultTimers, deployment };
  }
  const region = await readOptional(join(dir, 'region.json'));
  const local =
    region === undefined
      ? undefined
      : parseDocument(localRegionSchema, region, { what: 'local region', at: join(dir, 'region.json') });
  const { heartbeatMs = defaultTimers.heartbeatMs, visibilityMs = defaultTimers.visibilityMs } = local ?? {};
  return {
    store: local?.store ?? pathToFileURL(join(dir, 'store')).href,
    queue: local?.queue ?? pathToFileURL(join(dir, 'queue')).href,
    origin: 'local',
    timers: timersFrom({ heartbeatMs, visibilityMs }),
  };
}

async function readOptional(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
