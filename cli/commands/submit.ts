import { messageOf, UsageError } from '../../lib/base/errors.ts';
import { estimateFleet, type FleetEstimate } from '../../lib/client/estimate.ts';
import { parseNameValues } from '../../lib/client/name-value.ts';
import { parseKeep } from '../../lib/client/parse-keep.ts';
import type { Raise } from '../../lib/client/raise-capacity.ts';
import type { Region } from '../../lib/client/region.ts';
import { parseSaveEvery } from '../../lib/client/save-every.ts';
import { submitJob, type SubmitOptions, type Submitted } from '../../lib/client/submit-job.ts';
import { exitCodes } from '../../lib/contract/exit-codes.ts';
import type { SavePolicySpec } from '../../lib/contract/job-spec.ts';
import { askForMachine } from '../ask-for-machine.ts';
import type { CliContext, Command } from '../context.ts';
import { estimateTable } from '../estimate-table.ts';
import type { SubmitInput } from '../inputs.ts';
import { parseCount } from '../parse-count.ts';
import { suggestRegion } from '../suggest-region.ts';
import { withRegion } from '../with-region.ts';
import { writeBundle } from '../write-bundle.ts';

/** `holdfast submit train.ts`: check a program and queue it. */
export const submit: Command<SubmitInput> = async (context, input) => {
  if (input.bundle !== undefined) {
    if (input.command) throw new UsageError('--bundle is for a training program; a command is no file.');
    return writeBundle(context, { program: fileOf(input), set: input.set, to: input.bundle });
  }
  const options = submitOptions(context, input);
  return withRegion(
    context,
    async (region) => {
      // Asked while the program is bundled and checked.
      const asked = input.estimate ? askForEstimate(context, region) : undefined;
      let estimate: FleetEstimate | undefined;
      const submitted = await submitJob(region, {
        ...options,
        onChecked: async () => {
          estimate = await asked;
          if (estimate === undefined || context.terminal.json) return;
          for (const line of estimateTable(estimate)) context.terminal.say(line);
        },
      });
      for (const warning of submitted.warnings) context.terminal.say(`warning: ${warning}`);
      const isQueued = submitted.outcome !== 'dry-run';
      if (!context.terminal.json) report(context, submitted);
      if (isQueued && !context.terminal.json) await suggestRegion(context, region.place);
      const capacity = isQueued
        ? await askForMachine(context, region, { isNew: submitted.outcome === 'queued' })
        : null;
      if (context.terminal.json) printJson(context, submitted, { estimate: estimate ?? null, capacity });
      return exitCodes.ok;
    },
    { creates: true },
  );
};

/** Never fails: a job is not kept from the queue because nobody knows what it will cost. */
async function askForEstimate(context: CliContext, region: Region): Promise<FleetEstimate | undefined> {
  const { clock, terminal } = context;
  try {
    return await estimateFleet(region.place, { clock });
  } catch (error) {
    terminal.say(`No estimate: ${messageOf(error)}`);
    return undefined;
  }
}

function submitOptions({ cwd }: CliContext, input: SubmitInput): SubmitOptions {
  const { keep, seed } = input;
  return {
    program: input.command ? commandOptions(input) : { file: fileOf(input) },
    set: parseNameValues(input.set, '--set'),
    inputs: parseNameValues(input.input, '--input'),
    name: input.name,
    jobId: input.id,
    save: savePolicyOf(input),
    keep: parseKeep(keep),
    ...(seed === undefined ? {} : { seed: parseCount(seed, '--seed', 0) }),
    backend: input.backend,
    owner: input.owner,
    cwd,
    dryRun: input.dryRun,
  };
}

function savePolicyOf({ saveEvery, omit }: SubmitInput): SavePolicySpec {
  return { ...parseSaveEvery(saveEvery), ...(omit.length > 0 && { omit: [...new Set(omit)] }) };
}

const commandOnly = ['preset', 'checkpoints', 'complete', 'stepPattern', 'onNotice', 'onSave'] as const;

function fileOf(input: SubmitInput): string {
  const given = commandOnly.find((option) => input[option] !== undefined);
  if (given !== undefined || input.env.length > 0) {
    const option = (given ?? 'env').replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    throw new UsageError(`--${option} is for --command.`, {
      hint: 'A training program saves by itself; leave the option out.',
    });
  }
  const [extra] = input.words;
  if (extra !== undefined) {
    throw new UsageError(`one program at a time; what is \`${extra}\`?`, {
      hint: 'Parameters are set with --set; a command is run with --command -- WORDS.',
    });
  }
  if (input.program === undefined) {
    throw new UsageError('no program was given.', { hint: 'For example: `holdfast submit train.ts`.' });
  }
  return input.program;
}

function commandOptions(input: SubmitInput): SubmitOptions['program'] {
  const { program, words, preset, checkpoints, complete, stepPattern, onNotice, onSave } = input;
  return {
    command: program === undefined ? [] : [program, ...words],
    env: parseNameValues(input.env, '--env'),
    preset,
    checkpoints,
    complete,
    stepPattern,
    onNotice,
    onSave,
  };
}

function printJson(
  { terminal }: CliContext,
  { jobId, spec, outcome, warnings }: Submitted,
  more: { readonly estimate: FleetEstimate | null; readonly capacity: Raise | null },
): void {
  terminal.printJson({ jobId, outcome, spec, warnings, ...more });
}

function report({ terminal }: CliContext, { jobId, spec, outcome }: Submitted): void {
  if (outcome === 'dry-run') {
    terminal.print(JSON.stringify(spec, null, 2));
    terminal.suggest('Nothing was queued.');
    return;
  }
  terminal.print(jobId);
  terminal.suggest(
    outcome === 'queued'
      ? `Queued. \`holdfast watch ${jobId}\` shows it; \`holdfast logs -f ${jobId}\` prints what it says.`
      : 'This very job had been submitted before; it was only given another ticket.',
  );
}
