import { relative, resolve } from 'node:path';
import { assert } from '../base/assert.ts';
import type { Sha256 } from '../base/digest.ts';
import { UsageError, UserProgramError } from '../base/errors.ts';
import { objectKeys } from '../contract/object-keys.ts';
import type { ObjectStore } from '../store/object-store.ts';
import { resolveParams } from '../training/params.ts';
import { type BundledProgram, bundleProgram } from './bundle-program.ts';
import { inspectProgram, type ProgramInfo } from './inspect-program.ts';
import { parseSetValues } from './set-values.ts';

export type InspectProgram = typeof inspectProgram;

export interface ProgramRequest {
  /** The program's file. */
  readonly file: string;
  readonly cwd: string;
  /** `--set`: texts by name. */
  readonly set: Readonly<Record<string, string>>;
  /** Values of an earlier revision of the job, which `set` overrides. */
  readonly inherited?: Readonly<Record<string, unknown>>;
  /** @default the host of this package, in a process of its own */
  readonly inspect?: InspectProgram | undefined;
}

/** A program that is fit to be queued. Nothing has been written yet. */
export interface PreparedProgram {
  readonly bundle: BundledProgram;
  /** As people will see it: relative to where it was typed. */
  readonly source: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly defaultInputs: Readonly<Record<string, string>>;
  /** Why nothing could be checked here, in words for people. */
  readonly warnings: readonly string[];
}

/**
 * Bundles a program and checks parameters against what it declares.
 * @throws UsageError for a program that does not bundle, an unknown parameter, a wrong type; names the field
 */
export async function prepareProgram(request: ProgramRequest): Promise<PreparedProgram> {
  const { file, cwd, set, inherited = {}, inspect = inspectProgram } = request;
  const path = resolve(cwd, file);
  const bundle = await bundleProgram(path);
  const source = relative(cwd, path);
  const info = await inspectOrWarn(bundle.code, { inspect, isChecked: Object.keys(set).length > 0 });
  if (typeof info === 'string') {
    const warning = `${source} cannot be imported here; it is queued unchecked, and a worker will say the same:\n${info}`;
    return { bundle, source, params: inherited, defaultInputs: {}, warnings: [warning] };
  }
  const kept = Object.entries(inherited).filter(([name]) => isKnown(name, info));
  const warnings = Object.keys(inherited)
    .filter((name) => !isKnown(name, info))
    .map((name) => `${source} has no parameter \`${name}\` any more; its value is left out.`);
  const params = { ...Object.fromEntries(kept), ...parseSetValues(set, info.params) };
  await checkParams(bundle.code, { info, params, inspect });
  return { bundle, source, params, defaultInputs: info.inputs, warnings };
}

/**
 * Checks parameters of a program that was bundled before.
 * @returns the values of `set`, typed
 * @throws UsageError for an unknown parameter, a wrong type, or a program that cannot be imported here
 */
export async function checkSetValues(
  code: string,
  options: {
    readonly set: Readonly<Record<string, string>>;
    readonly inherited: Readonly<Record<string, unknown>>;
    readonly inspect?: InspectProgram | undefined;
  },
): Promise<Readonly<Record<string, unknown>>> {
  const { set, inherited, inspect = inspectProgram } = options;
  const info = await inspectOrWarn(code, { inspect, isChecked: true });
  assert(typeof info !== 'string', 'a program that must be checked was inspected');
  const params = { ...inherited, ...parseSetValues(set, info.params) };
  await checkParams(code, { info, params, inspect });
  return params;
}

/** What a schema knows is told by its parse alone. */
function isKnown(name: string, { schema, params }: ProgramInfo): boolean {
  const [root = name] = name.split('.', 1);
  return schema || (typeof params === 'object' && params !== null && Object.hasOwn(params, root));
}

/** Puts the program where workers find it. Safe to repeat: the key is the digest of the bytes. */
export async function uploadProgram(store: ObjectStore, bundle: BundledProgram): Promise<void> {
  const { code, sourceMap, sha256 } = bundle;
  const put = async (key: string, text: string, digest?: Sha256): Promise<void> => {
    if ((await store.head(key)) !== undefined) return;
    await store.put(key, new TextEncoder().encode(text), digest === undefined ? {} : { sha256: digest });
  };
  await put(objectKeys.programSourceMap(sha256), sourceMap);
  await put(objectKeys.program(sha256), code, sha256);
}

/**
 * What the program says of itself; a text when it cannot be imported on this machine, which need not be the worker's fault
 * or the program's: data or a device may be missing here.
 */
async function inspectOrWarn(
  code: string,
  { inspect, isChecked }: { readonly inspect: InspectProgram; readonly isChecked: boolean },
): Promise<ProgramInfo | string> {
  try {
    return await inspect(code);
  } catch (error) {
    if (!(error instanceof UserProgramError)) throw error;
    if (!isChecked) return error.message;
    throw new UsageError('the program cannot be imported here, so --set cannot be checked.', {
      cause: error,
      hint: 'Mend the program, or leave --set out.',
    });
  }
}

async function checkParams(
  code: string,
  options: {
    readonly info: ProgramInfo;
    readonly params: Readonly<Record<string, unknown>>;
    readonly inspect: InspectProgram;
  },
): Promise<void> {
  const { info, params, inspect } = options;
  if (!info.schema) {
    resolveParams(info.params ?? {}, params);
  } else if (Object.keys(params).length > 0 || info.params === null) {
    // A schema is code: only the program itself can say whether a value fits.
    await inspect(code, { set: params });
  }
}
