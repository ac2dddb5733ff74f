import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, rename, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { type Sha256, sha256Hex } from '../lib/base/digest.ts';
import { AccessDeniedError, CorruptionError, UsageError } from '../lib/base/errors.ts';
import type { JobInput, JobSpec } from '../lib/contract/job-spec.ts';
import { unlessMissing } from '../lib/base/file-errors.ts';
import { parseFileUri } from '../lib/base/file-uri.ts';
import { objectKeys } from '../lib/contract/object-keys.ts';
import type { ObjectStore, ReadOptions } from '../lib/store/object-store.ts';
import { readObject } from './read-object.ts';
import type { World } from './world.ts';

export interface JobFiles {
  readonly programPath: string | undefined;
  readonly inputs: Readonly<Record<string, string>>;
  readonly inputDigests: Readonly<Record<string, string>>;
}

interface Reading {
  readonly store: ObjectStore;
  readonly reading: ReadOptions;
}

/**
 * Program and inputs of a job on local disk, verified before anything runs. Kept under their digests, so that the next
 * attempt on this machine reads nothing again.
 * @throws CorruptionError when bytes are not those of the spec
 * @throws UsageError when an input cannot be found, or may not be read
 */
export async function fetchJobFiles(world: World, spec: JobSpec, signal?: AbortSignal): Promise<JobFiles> {
  const reading = { ...(signal !== undefined && { signal }) };
  const cacheDir = join(world.workDir, 'cache');
  const programPath =
    spec.program.kind === 'training'
      ? await fetchProgram({ ...world, reading }, spec.program.sha256, cacheDir)
      : undefined;
  const inputs: Record<string, string> = {};
  const inputDigests: Record<string, string> = {};
  for (const [name, input] of Object.entries(spec.inputs)) {
    const { path, sha256 } = await fetchInput({ world, cacheDir, name, reading }, input);
    inputs[name] = path;
    inputDigests[name] = sha256;
  }
  return { programPath, inputs, inputDigests };
}

async function fetchProgram(from: Reading, sha256: Sha256, cacheDir: string): Promise<string> {
  const path = join(cacheDir, 'programs', sha256, 'program.mjs');
  if (await exists(path)) return path;
  // Its source map is inline; the one beside it in the store is for people and tools.
  await keep(path, await getVerified(from, objectKeys.program(sha256), sha256));
  return path;
}

async function fetchInput(
  from: {
    readonly world: World;
    readonly cacheDir: string;
    readonly name: string;
    readonly reading: ReadOptions;
  },
  input: JobInput,
): Promise<{ readonly path: string; readonly sha256: Sha256 }> {
  const { world, cacheDir, name, reading } = from;
  const { store } = world;
  const path = input.uri.startsWith('file:') ? parseFileUri(input.uri).dir : undefined;
  if (path !== undefined && (await exists(path))) {
    const sha256 = await sha256OfFile(path);
    if (input.digest === undefined || input.digest === sha256) return { path, sha256 };
    throw new CorruptionError(`input \`${name}\` is not the file that was submitted.`, {
      facts: { path, expected: input.digest, actual: sha256 },
      hint: 'Put the submitted file back, or submit the job again.',
    });
  }
  const { digest } = input;
  if (digest !== undefined) {
    const cached = join(cacheDir, 'inputs', digest);
    if (await exists(cached)) return { path: cached, sha256: digest };
    const own = await store.get(objectKeys.input(digest), reading);
    const body = own?.body ?? (await readElsewhere(from, input.uri));
    if (body !== undefined) return keepVerified(cached, body, digest);
  } else if (!input.uri.startsWith('file:')) {
    const body = await readElsewhere(from, input.uri);
    if (body !== undefined) {
      const sha256 = sha256Hex(body);
      const kept = join(cacheDir, 'inputs', sha256);
      await keep(kept, body);
      return { path: kept, sha256 };
    }
  }
  throw new UsageError(`input \`${name}\` cannot be found from this machine.`, {
    facts: { uri: input.uri },
    hint: 'Put it back where it was, or submit the job with an input that every worker can reach.',
  });
}

/** Outside the job's own store: whoever may not read there has named the wrong input, and no other machine will fare better. */
async function readElsewhere(
  { world, name, reading }: { readonly world: World; readonly name: string; readonly reading: ReadOptions },
  uri: string,
): Promise<Uint8Array | undefined> {
  try {
    return await readObject(world, uri, reading);
  } catch (cause) {
    // A machine without credentials is refused everywhere; another one may well read the input.
    if (!(cause instanceof AccessDeniedError) || cause.caller === 'nobody') throw cause;
    throw new UsageError(`input \`${name}\` may not be read by the workers: ${cause.message}`, {
      facts: { uri },
      hint: 'Allow it in the policy of that bucket, or submit the job with a copy in its own store.',
      cause,
    });
  }
}

async function keepVerified(
  path: string,
  body: Uint8Array,
  sha256: Sha256,
): Promise<{ readonly path: string; readonly sha256: Sha256 }> {
  const actual = sha256Hex(body);
  if (actual !== sha256)
    throw new CorruptionError('an input has other bytes than it had at submit.', {
      facts: { path, expected: sha256, actual },
    });
  await keep(path, body);
  return { path, sha256 };
}

async function getVerified({ store, reading }: Reading, key: string, sha256: Sha256): Promise<Uint8Array> {
  const object = await store.get(key, reading);
  if (object === undefined)
    throw new CorruptionError('an object that the job needs is missing.', { facts: { key } });
  const actual = sha256Hex(object.body);
  if (actual !== sha256)
    throw new CorruptionError('an object that the job needs has other bytes.', { facts: { key, actual } });
  return object.body;
}

/** Whole or not at all: a name that carries a digest must never hold half of it. */
async function keep(path: string, body: Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const temporary = `${path}.${process.pid}.part`;
  await writeFile(temporary, body);
  await rename(temporary, path);
}

async function exists(path: string): Promise<boolean> {
  return (await unlessMissing(stat(path)))?.isFile() ?? false;
}

async function sha256OfFile(path: string): Promise<Sha256> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}
