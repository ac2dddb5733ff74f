import { ConflictError, UsageError } from '../base/errors.ts';
import {
  type JobSpec,
  jobSpecSchema,
  type KeepPolicySpec,
  type SavePolicySpec,
} from '../contract/job-spec.ts';
import { isSameJob } from './publish-spec.ts';
import type { InspectProgram } from './prepare-program.ts';
import type { Region } from './region.ts';
import { reviseSpec } from './revise-spec.ts';

/** What is to be different from the parent. */
export interface ForkChanges {
  /** Parameters of a training program, as texts. */
  readonly set?: Readonly<Record<string, string>>;
  /** Another program: its file. */
  readonly program?: string | undefined;
  readonly seed?: number | undefined;
  /** Variables of a command's environment, added to the parent's or in their place. */
  readonly env?: Readonly<Record<string, string>>;
  /** For people. */
  readonly name?: string | undefined;
  readonly owner?: string | undefined;
  readonly save?: SavePolicySpec | undefined;
  readonly keep?: Partial<KeepPolicySpec> | undefined;
  /** Paths are relative to this. */
  readonly cwd: string;
  readonly inspect?: InspectProgram | undefined;
}

/**
 * The spec of a child: the parent's, with the changes. Parameters are checked against the program that will run.
 * @throws UsageError for an unknown parameter, a wrong type, or a change that means nothing to this kind of job
 */
export async function changedSpec(
  region: Region,
  base: JobSpec,
  options: ForkChanges & { readonly uploads: boolean; readonly onWarning: (warning: string) => void },
): Promise<JobSpec> {
  const { set = {}, program: file, seed, env = {}, name, owner, save, keep, cwd, inspect } = options;
  refuseForeign(base, options);
  const changesProgram = file !== undefined || Object.keys(set).length > 0;
  const revision = { file, set, cwd, inspect, uploads: options.uploads, onWarning: options.onWarning };
  const { program } = changesProgram ? await reviseSpec(region, base, revision) : base;
  const changed =
    program.kind === 'command'
      ? { ...program, env: { ...program.env, ...env } }
      : { ...program, ...(seed === undefined ? {} : { seed }) };
  const result = jobSpecSchema.safeParse({
    ...base,
    program: changed,
    ...(name === undefined ? {} : { name }),
    ...(owner === undefined ? {} : { owner }),
    ...(save === undefined ? {} : { save: { ...omitOf(base), ...save } }),
    ...(keep === undefined ? {} : { keep: { ...base.keep, ...keep } }),
  });
  if (result.success) return result.data;
  const fault = result.error.issues[0];
  throw new UsageError(`${fault?.path.join('.') ?? 'spec'}: ${fault?.message}.`);
}

/** When to save is chosen anew as a whole; what is left out of every checkpoint is the program's affair and stays. */
function omitOf({ save }: JobSpec): SavePolicySpec {
  return save.omit === undefined ? {} : { omit: save.omit };
}

function refuseForeign({ program }: JobSpec, { set = {}, program: file, seed, env = {} }: ForkChanges): void {
  if (program.kind === 'training') {
    if (Object.keys(env).length === 0) return;
    throw new UsageError('--env means nothing to a training program.', {
      hint: 'Its parameters are changed with --set.',
    });
  }
  const [option] = [
    ...(Object.keys(set).length > 0 ? ['--set'] : []),
    ...(file === undefined ? [] : ['--program']),
    ...(seed === undefined ? [] : ['--seed']),
  ];
  if (option === undefined) return;
  throw new UsageError(`${option} means nothing to a command.`, {
    hint: 'A fork of a command runs the same command; change its variables with --env.',
  });
}

/** @throws ConflictError when a job that was begun before is to be something else now */
export function refuseChanged(before: JobSpec, now: JobSpec): void {
  if (isSameJob(before, now)) return;
  throw new ConflictError(`there is a job \`${before.jobId}\` already, with other parameters.`, {
    hint: 'Choose another --id, or leave it out.',
  });
}
