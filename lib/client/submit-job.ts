import { UsageError } from '../base/errors.ts';
import {
  type JobSpec,
  jobSpecSchema,
  type KeepPolicySpec,
  type SavePolicySpec,
} from '../contract/job-spec.ts';
import { openJournal } from '../journal/journal.ts';
import { recordSubmission } from '../journal/requests.ts';
import { isFinished } from '../journal/status.ts';
import { type CommandOptions, commandProgram } from './command-program.ts';
import { checkJobId, nameOfFile, newJobId } from './job-name.ts';
import { prepareInputs, type PreparedInput, uploadInputs } from './prepare-inputs.ts';
import {
  type InspectProgram,
  type PreparedProgram,
  prepareProgram,
  uploadProgram,
} from './prepare-program.ts';
import { publishFirstSpec } from './publish-spec.ts';
import type { Region } from './region.ts';
import { sendTicket } from './send-ticket.ts';

export interface SubmitOptions {
  /** The file of a training program, or any other command. */
  readonly program: { readonly file: string } | CommandOptions;
  /** Parameters of a training program, as texts. */
  readonly set?: Readonly<Record<string, string>>;
  /** Places of inputs by name: paths or addresses. */
  readonly inputs?: Readonly<Record<string, string>>;
  /** For people. @default the name of the file, or the command's first word */
  readonly name?: string | undefined;
  /** @default the name and six letters */
  readonly jobId?: string | undefined;
  readonly save?: SavePolicySpec;
  readonly keep?: Partial<KeepPolicySpec>;
  readonly seed?: number | undefined;
  readonly backend?: string | undefined;
  readonly owner?: string | undefined;
  /** Paths are relative to this. */
  readonly cwd: string;
  /** Check everything, write nothing. @default false */
  readonly dryRun?: boolean;
  /** Called when everything is checked and nothing is written yet; what it throws keeps the job from being queued. */
  readonly onChecked?: (spec: JobSpec) => Promise<void>;
  readonly inspect?: InspectProgram;
}

export interface Submitted {
  readonly jobId: string;
  readonly spec: JobSpec;
  /** `repeated`: this very job had been submitted before; a worker was only woken again, unless the job is over. */
  readonly outcome: 'queued' | 'repeated' | 'dry-run';
  readonly warnings: readonly string[];
}

/**
 * Queues a job. Everything is checked before anything is written; then program, inputs and spec are put into the store,
 * the journal begins, and a ticket is sent, in this order, so that whatever is cut short may be repeated with the same id.
 * @throws UsageError for bad input; nothing is queued
 * @throws ConflictError when another job has the id
 */
export async function submitJob(region: Region, options: SubmitOptions): Promise<Submitted> {
  const { store } = region;
  const prepared = await prepare(region, options);
  const { spec, program, inputs } = prepared;
  const { jobId } = spec;
  const warnings = program?.warnings ?? [];
  await options.onChecked?.(spec);
  if (options.dryRun === true) return { jobId, spec, outcome: 'dry-run', warnings };
  await region.queue();
  if (program !== undefined) await uploadProgram(store, program.bundle);
  await uploadInputs(store, inputs);
  const ref = await publishFirstSpec(store, spec);
  const journal = await openJournal(region, jobId);
  const { entry, state } = await recordSubmission(journal, { spec: ref, name: spec.name, store: store.uri });
  if (!isFinished(state.status)) await sendTicket(region, spec);
  return { jobId, spec, outcome: entry === undefined ? 'repeated' : 'queued', warnings };
}

interface Prepared {
  readonly spec: JobSpec;
  readonly program: PreparedProgram | undefined;
  readonly inputs: Readonly<Record<string, PreparedInput>>;
}

async function prepare(region: Region, options: SubmitOptions): Promise<Prepared> {
  const { program: asked, set = {}, inputs: overrides = {}, cwd, inspect } = options;
  const file = 'file' in asked ? asked.file : undefined;
  const jobId = options.jobId === undefined ? undefined : checkJobId(options.jobId);
  const program = file === undefined ? undefined : await prepareProgram({ file, cwd, set, inspect });
  const command = 'file' in asked ? undefined : commandProgram(asked);
  if (command !== undefined) refuseTrainingOptions(options);
  const inputs = await prepareInputs(
    { defaults: program?.defaultInputs ?? {}, overrides, program: file, cwd },
    region.store,
  );
  const name = options.name ?? nameOfFile(file ?? command?.command[0] ?? 'job');
  const spec = parseSpec({
    format: 1,
    jobId: jobId ?? newJobId(name, region.random),
    name,
    createdAt: region.clock.now().toISOString(),
    ...(options.owner === undefined ? {} : { owner: options.owner }),
    program: command ?? {
      kind: 'training',
      sha256: program?.bundle.sha256,
      source: program?.source,
      params: program?.params,
      ...(options.seed === undefined ? {} : { seed: options.seed }),
      ...(options.backend === undefined ? {} : { backend: options.backend }),
    },
    inputs: Object.fromEntries(Object.entries(inputs).map(([key, { input }]) => [key, input])),
    save: options.save ?? {},
    keep: options.keep ?? {},
  });
  return { spec, program, inputs };
}

function refuseTrainingOptions({ set = {}, seed, backend, save }: SubmitOptions): void {
  const [option] = [
    ...(Object.keys(set).length > 0 ? ['--set'] : []),
    ...(seed === undefined ? [] : ['--seed']),
    ...(backend === undefined ? [] : ['--backend']),
    ...((save?.omit ?? []).length === 0 ? [] : ['--omit']),
  ];
  if (option === undefined) return;
  throw new UsageError(`${option} means nothing to a command.`, {
    hint: 'Write what the command needs after --, or set a variable with --env.',
  });
}

/** The options whose values stand in the spec as they were typed. */
const optionOf: Readonly<Record<string, string>> = {
  name: '--name',
  owner: '--owner',
  'program.seed': '--seed',
  'program.backend': '--backend',
  'keep.last': '--keep',
  'save.omit': '--omit',
};

function parseSpec(document: object): JobSpec {
  const result = jobSpecSchema.safeParse(document);
  if (result.success) return result.data;
  const fault = result.error.issues[0];
  // Places in a list are not told.
  const path = fault?.path.filter((part) => typeof part === 'string').join('.') ?? 'spec';
  throw new UsageError(`${optionOf[path] ?? path}: ${fault?.message}.`);
}
