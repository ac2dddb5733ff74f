import { sha256Hex, type Sha256 } from '../base/digest.ts';
import { CorruptionError, UsageError } from '../base/errors.ts';
import { type JobSpec, jobSpecSchema, type KeepPolicySpec } from '../contract/job-spec.ts';
import { objectKeys } from '../contract/object-keys.ts';
import { checkSetValues, type InspectProgram, prepareProgram, uploadProgram } from './prepare-program.ts';
import type { Region } from './region.ts';

export interface Revision {
  /** A fixed program. */
  readonly file?: string | undefined;
  readonly set: Readonly<Record<string, string>>;
  /** Another keep policy as a whole; what it does not say is as in a new job. It holds from the next save on. */
  readonly keep?: Partial<KeepPolicySpec> | undefined;
  readonly cwd: string;
  readonly inspect?: InspectProgram | undefined;
  /** False: only check; a program is then left where it is. @default true */
  readonly uploads?: boolean;
  /** Told what could not be checked. */
  readonly onWarning?: (warning: string) => void;
}

/**
 * The spec of a job with another program, other parameters or another keep policy. Values set before stay, unless they are
 * set again. The program is uploaded; nothing refers to it before the journal does.
 * @throws UsageError for a program or parameters of a job that is a command, an unknown parameter, a wrong type
 */
export async function reviseSpec(region: Region, spec: JobSpec, revision: Revision): Promise<JobSpec> {
  const { keep, file, set } = revision;
  const kept = keep === undefined ? spec : jobSpecSchema.parse({ ...spec, keep });
  return file === undefined && Object.keys(set).length === 0 ? kept : reviseProgram(region, kept, revision);
}

async function reviseProgram(region: Region, spec: JobSpec, revision: Revision): Promise<JobSpec> {
  const { program } = spec;
  const { file, set, cwd, inspect, uploads = true, onWarning } = revision;
  if (program.kind !== 'training') {
    throw new UsageError('the job is a command; it has no program or parameters to revise.', {
      hint: 'Submit the other command as a job of its own.',
    });
  }
  if (file === undefined) {
    const code = await loadProgram(region, program.sha256);
    const params = await checkSetValues(code, { set, inherited: program.params, inspect });
    return jobSpecSchema.parse({ ...spec, program: { ...program, params } });
  }
  const prepared = await prepareProgram({ file, cwd, set, inherited: program.params, inspect });
  for (const warning of prepared.warnings) onWarning?.(warning);
  if (uploads) await uploadProgram(region.store, prepared.bundle);
  const { bundle, source, params } = prepared;
  return jobSpecSchema.parse({ ...spec, program: { ...program, sha256: bundle.sha256, source, params } });
}

async function loadProgram({ store }: Region, sha256: Sha256): Promise<string> {
  const key = objectKeys.program(sha256);
  const object = await store.get(key);
  if (object === undefined || sha256Hex(object.body) !== sha256) {
    throw new CorruptionError('the program of the job is gone, or was changed.', {
      facts: { key },
      hint: 'Give the program again with --program FILE.',
    });
  }
  return new TextDecoder().decode(object.body);
}
