import { z } from 'zod';
import { UsageError } from '../base/errors.ts';
import { type CommandProgram, commandProgramSchema } from '../contract/job-spec.ts';

/** What a person says about a program that writes its checkpoints itself. */
export interface CommandOptions {
  readonly command: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly preset?: string | undefined;
  readonly checkpoints?: string | undefined;
  /** `rename` or `marker:FILE`. */
  readonly complete?: string | undefined;
  readonly stepPattern?: string | undefined;
  readonly onNotice?: string | undefined;
  readonly onSave?: string | undefined;
}

type Checkpoints = z.input<typeof commandProgramSchema>['checkpoints'];

/** Checkpoints of programs that many people run, unmodified. */
const presets: Readonly<Record<string, Checkpoints>> = {
  // The Trainer writes `checkpoint-<step>` in place; its state file is written last, but for what happens to be late.
  huggingface: {
    match: 'checkpoint-*',
    step: String.raw`checkpoint-(\d+)$`,
    complete: { by: 'marker', file: 'trainer_state.json', unchangedMs: 2_000 },
  },
  // One file `epoch=3-step=1200.ckpt`, written under a temporary name and then renamed; `last.ckpt` tells no step.
  lightning: { match: '*step=*.ckpt', step: String.raw`step=(\d+)`, complete: { by: 'rename' } },
};

/**
 * The program part of a level 0 job.
 * @throws UsageError that names the option
 */
export function commandProgram(options: CommandOptions): CommandProgram {
  if (options.command.length === 0) {
    throw new UsageError('no command was given.', {
      hint: 'Write it after --: `holdfast submit --command --preset huggingface -- python train.py`.',
    });
  }
  const result = commandProgramSchema.safeParse({
    kind: 'command',
    command: options.command,
    env: options.env ?? {},
    checkpoints: checkpointsOf(options),
    ...(options.onNotice === undefined ? {} : { onNotice: { signal: options.onNotice } }),
    ...(options.onSave === undefined ? {} : { onSave: { signal: options.onSave } }),
  });
  if (result.success) return result.data;
  const fault = result.error.issues[0];
  throw new UsageError(`${optionOf(fault?.path ?? [])}: ${fault?.message}.`);
}

function checkpointsOf(options: CommandOptions): Checkpoints {
  const preset = options.preset === undefined ? undefined : presets[options.preset];
  if (options.preset !== undefined && preset === undefined) {
    throw new UsageError(`--preset is not known: \`${options.preset}\`.`, {
      hint: `Known presets: ${Object.keys(presets).join(', ')}.`,
    });
  }
  const match = options.checkpoints ?? preset?.match;
  const complete = options.complete === undefined ? preset?.complete : parseComplete(options.complete);
  if (match === undefined || complete === undefined) {
    throw new UsageError('a command has to say what its checkpoints are called and when they are complete.', {
      hint: "Add --checkpoints 'checkpoint-*' --complete rename, or --preset huggingface.",
    });
  }
  const step = options.stepPattern ?? preset?.step;
  if (step !== undefined) checkStepPattern(step);
  return { match, complete, ...(step === undefined ? {} : { step }) };
}

function parseComplete(text: string): Checkpoints['complete'] {
  if (text === 'rename') return { by: 'rename' };
  if (text.startsWith('marker:') && text.length > 'marker:'.length) {
    return { by: 'marker', file: text.slice('marker:'.length) };
  }
  throw new UsageError(`--complete is not understood: \`${text}\`.`, {
    hint: 'Write rename, or marker:FILE where FILE is written last.',
  });
}

/** The pattern must have a first group: it is the step. */
function checkStepPattern(pattern: string): void {
  let groups: number;
  try {
    // An empty alternative always matches, so the result tells how many groups there are.
    groups = (new RegExp(`${pattern}|`).exec('')?.length ?? 1) - 1;
  } catch (cause) {
    throw new UsageError(`--step-pattern is not a regular expression: \`${pattern}\`.`, { cause });
  }
  if (groups < 1) {
    throw new UsageError(`--step-pattern has no group: \`${pattern}\`.`, {
      hint: String.raw`Put the step in parentheses: 'checkpoint-(\d+)'.`,
    });
  }
}

function optionOf(path: readonly PropertyKey[]): string {
  const [first] = path;
  if (first === 'onNotice') return '--on-notice';
  if (first === 'onSave') return '--on-save';
  if (first === 'checkpoints') return '--checkpoints';
  return first === 'env' ? '--env' : '--command';
}
