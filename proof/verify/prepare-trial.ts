import { fileURLToPath } from 'node:url';
import { UsageError, UserProgramError } from '../../lib/base/errors.ts';
import { inspectProgram } from '../../lib/client/inspect-program.ts';
import { nameOfFile } from '../../lib/client/job-name.ts';
import { prepareInputs } from '../../lib/client/prepare-inputs.ts';
import { type InspectProgram, prepareProgram } from '../../lib/client/prepare-program.ts';
import { jobSpecSchema } from '../../lib/contract/job-spec.ts';
import { MemoryObjectStore } from '../../lib/store/memory-object-store.ts';
import type { TrialProgram } from './trial.ts';

export interface TrialWish {
  /** The program's file, relative to `cwd`. */
  readonly file: string;
  readonly cwd: string;
  /** `--set`: texts by name. */
  readonly set: Readonly<Record<string, string>>;
  /** `--input`: paths by name. */
  readonly inputs: Readonly<Record<string, string>>;
  readonly backend?: string | undefined;
  readonly signal?: AbortSignal;
}

/**
 * Bundles and checks a program as `submit` does.
 * @throws UsageError for a file that is no program or cannot be imported here, wrong parameters, inputs that do not lie on this machine
 */
export async function prepareTrial(wish: TrialWish): Promise<TrialProgram> {
  const { file, cwd, set, backend, signal } = wish;
  const program = await prepareProgram({ file, cwd, set, inspect: mustBeImported(signal) });
  const prepared = await prepareInputs(
    { defaults: program.defaultInputs, overrides: wish.inputs, program: file, cwd },
    // Asked only for its address: what lies on this machine need not be sent anywhere.
    new MemoryObjectStore(),
  );
  const inputs: Record<string, string> = {};
  const inputDigests: Record<string, string> = {};
  for (const [name, { input }] of Object.entries(prepared)) {
    inputs[name] = localPath(name, input.uri);
    if (input.digest !== undefined) inputDigests[name] = input.digest;
  }
  const name = nameOfFile(file);
  const spec = jobSpecSchema.safeParse({
    format: 1,
    jobId: 'verify',
    name,
    createdAt: new Date(0).toISOString(),
    program: {
      kind: 'training',
      sha256: program.bundle.sha256,
      source: program.source,
      params: program.params,
      ...(backend !== undefined && { backend }),
    },
  });
  if (!spec.success) {
    throw new UsageError(`--backend: ${spec.error.issues[0]?.message ?? 'not known'}.`, {
      hint: 'For example: --backend wasm',
    });
  }
  return { code: program.bundle.code, spec: spec.data, inputs, inputDigests };
}

/** A worker may have what this machine lacks, but here is where the program shall run. */
function mustBeImported(signal: AbortSignal | undefined): InspectProgram {
  return async (code, options) => {
    try {
      return await inspectProgram(code, { ...options, ...(signal && { signal }) });
    } catch (error) {
      if (!(error instanceof UserProgramError)) throw error;
      throw new UsageError(error.message, {
        cause: error.cause,
        ...(error.hint !== undefined && { hint: error.hint }),
      });
    }
  };
}

function localPath(name: string, uri: string): string {
  if (uri.startsWith('file:')) return fileURLToPath(uri);
  throw new UsageError(`input \`${name}\` does not lie on this machine: \`${uri}\`.`, {
    hint: `Download it, or a small part of it, and say --input ${name}=PATH.`,
  });
}
