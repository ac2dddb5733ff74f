import { fileURLToPath } from 'node:url';
import { UsageError } from '../../lib/base/errors.ts';
import { nameOfFile } from '../../lib/client/job-name.ts';
import { prepareInputs } from '../../lib/client/prepare-inputs.ts';
import { prepareProgram } from '../../lib/client/prepare-program.ts';
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
}

/**
 * Bundles and checks a program as `submit` does.
 * @throws UsageError for a program that does not bundle, wrong parameters, inputs that do not lie on this machine
 */
export async function prepareTrial(wish: TrialWish): Promise<TrialProgram> {
  const { file, cwd, set, backend } = wish;
  const program = await prepareProgram({ file, cwd, set });
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

function localPath(name: string, uri: string): string {
  if (uri.startsWith('file:')) return fileURLToPath(uri);
  throw new UsageError(`input \`${name}\` does not lie on this machine: \`${uri}\`.`, {
    hint: `Download it, or a small part of it, and say --input ${name}=PATH.`,
  });
}
