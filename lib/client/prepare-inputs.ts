import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { pathToFileURL } from 'node:url';
import { type Sha256, sha256Hex } from '../base/digest.ts';
import { UsageError } from '../base/errors.ts';
import { parseFileUri } from '../base/file-uri.ts';
import { type JobInput, jobSpecSchema } from '../contract/job-spec.ts';
import { objectKeys } from '../contract/object-keys.ts';
import { objectUri } from '../contract/object-uri.ts';
import type { ObjectStore } from '../store/object-store.ts';

export interface InputPlaces {
  /** The program's own: paths relative to its file, or addresses. */
  readonly defaults: Readonly<Record<string, string>>;
  /** `--input`: paths relative to where it was typed, or addresses. */
  readonly overrides: Readonly<Record<string, string>>;
  /** The program's file; undefined for a command. */
  readonly program: string | undefined;
  readonly cwd: string;
}

/** An input as it will stand in the spec, and the local file whose bytes have to be sent first. */
export interface PreparedInput {
  readonly input: JobInput;
  readonly upload: { readonly file: string; readonly key: string; readonly sha256: Sha256 } | undefined;
}

/**
 * One upload is one request with the whole body in memory, and Node reads at most 2 GiB at once. Larger inputs belong into
 * the bucket beforehand.
 */
const uploadBytesMax = 2 * 1024 ** 3 - 1;

/**
 * Finds every input and its digest, without writing anything.
 * @throws UsageError for a missing file, an unknown kind of address, a name that no input can have
 */
export async function prepareInputs(
  places: InputPlaces,
  store: ObjectStore,
): Promise<Readonly<Record<string, PreparedInput>>> {
  const { defaults, overrides, program, cwd } = places;
  for (const name of Object.keys(overrides)) refuseUnknown(name, places);
  const base = program === undefined ? cwd : dirname(resolve(cwd, program));
  const prepared: Record<string, PreparedInput> = {};
  for (const [name, place] of Object.entries({ ...defaults, ...overrides })) {
    checkName(name);
    const folder = name in overrides ? cwd : base;
    prepared[name] = await prepareInput({ name, place, folder, store });
  }
  return prepared;
}

/** Sends the bytes that the store does not have. Safe to repeat: a key is the digest of its bytes. */
export async function uploadInputs(
  store: ObjectStore,
  inputs: Readonly<Record<string, PreparedInput>>,
): Promise<void> {
  for (const [name, { upload }] of Object.entries(inputs)) {
    if (upload === undefined || (await store.head(upload.key)) !== undefined) continue;
    const body = await readFile(upload.file);
    if (sha256Hex(body) !== upload.sha256) {
      throw new UsageError(`input \`${name}\` changed while it was being sent.`, {
        facts: { file: upload.file },
        hint: 'Submit again once nothing writes to the file.',
      });
    }
    await store.put(upload.key, body, { sha256: upload.sha256 });
  }
}

/** A training program knows its inputs only by name; one that it does not declare would never be read. */
function refuseUnknown(name: string, { defaults, program }: InputPlaces): void {
  if (program === undefined || Object.keys(defaults).length === 0 || name in defaults) return;
  throw new UsageError(`the program has no input \`${name}\`.`, {
    hint: `It declares: ${Object.keys(defaults).join(', ')}.`,
  });
}

function checkName(name: string): void {
  if (jobSpecSchema.shape.inputs.safeParse({ [name]: { uri: 'x' } }).success) return;
  throw new UsageError(`not a name for an input: \`${name}\`.`, {
    hint: 'A name begins with a letter or digit and has up to 64 of A-Z, a-z, 0-9, dot, _ and -.',
  });
}

async function prepareInput(options: {
  readonly name: string;
  readonly place: string;
  readonly folder: string;
  readonly store: ObjectStore;
}): Promise<PreparedInput> {
  const { name, place, folder, store } = options;
  if (place.startsWith('s3://')) return { input: { uri: place }, upload: undefined };
  if (/^[a-z][a-z0-9+.-]+:/i.test(place) && !place.startsWith('file://')) {
    throw new UsageError(`input \`${name}\` lies where Holdfast cannot read: \`${place}\`.`, {
      hint: 'An input is a path, file:///path or s3://bucket/key.',
    });
  }
  const file = place.startsWith('file://') ? parseFileUri(place).dir : resolve(folder, place);
  const found = await stat(file).catch(() => undefined);
  if (!found?.isFile()) {
    throw new UsageError(`input \`${name}\` is ${found === undefined ? 'missing' : 'not a file'}.`, {
      facts: { file },
      hint: `Name another place with --input ${name}=PATH.`,
    });
  }
  const sha256 = await digestOfFile(file);
  const known = { digest: sha256, bytes: found.size };
  if (!store.uri.startsWith('s3:')) {
    return { input: { uri: pathToFileURL(file).href, ...known }, upload: undefined };
  }
  if (found.size > uploadBytesMax) {
    throw new UsageError(`input \`${name}\` is larger than ${uploadBytesMax} bytes.`, {
      facts: { file, bytes: found.size },
      hint: `Put it into a bucket yourself and give --input ${name}=s3://bucket/key.`,
    });
  }
  const key = objectKeys.input(sha256);
  return { input: { uri: objectUri(store.uri, key), ...known }, upload: { file, key, sha256 } };
}

async function digestOfFile(file: string): Promise<Sha256> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}
