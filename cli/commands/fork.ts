import { ConflictError, CorruptionError } from '../../lib/base/errors.ts';
import { forkJob, type Forked } from '../../lib/client/fork-job.ts';
import { parseForkOrigin } from '../../lib/client/fork-origin.ts';
import { parseNameValues } from '../../lib/client/name-value.ts';
import type { Region } from '../../lib/client/region.ts';
import { parseSaveEvery } from '../../lib/client/save-every.ts';
import { exitCodes } from '../../lib/contract/exit-codes.ts';
import { askForMachine } from '../ask-for-machine.ts';
import type { CliContext, Command } from '../context.ts';
import type { ForkInput } from '../inputs.ts';
import { parseCount } from '../parse-count.ts';
import { unlessDamaged } from '../unless-damaged.ts';
import { withRegion } from '../with-region.ts';

/** `holdfast fork JOB@STEP`: a new job that begins with a checkpoint of another one. */
export const fork: Command<ForkInput> = (context, input) =>
  withRegion(context, (region) => unlessDamaged(context.terminal, () => begin(context, region, input)));

async function begin(context: CliContext, region: Region, input: ForkInput): Promise<number> {
  const { terminal, cwd } = context;
  const { keep, seed, program, name, id, owner, dryRun } = input;
  let begun: string | undefined;
  try {
    const forked = await forkJob(region, {
      from: parseForkOrigin(input.from),
      set: parseNameValues(input.set, '--set'),
      env: parseNameValues(input.env, '--env'),
      program,
      name,
      jobId: id,
      owner,
      ...(seed === undefined ? {} : { seed: parseCount(seed, '--seed', 0) }),
      ...(input.saveEvery.length === 0 ? {} : { save: parseSaveEvery(input.saveEvery) }),
      ...(keep === undefined ? {} : { keep: { last: parseCount(keep, '--keep') } }),
      cwd,
      dryRun,
      onBegin: (child) => {
        begun = child.jobId;
      },
    });
    for (const warning of forked.warnings) terminal.say(`warning: ${warning}`);
    const capacity =
      forked.outcome === 'dry-run'
        ? null
        : await askForMachine(context, region, { isNew: forked.outcome === 'queued' });
    if (terminal.json) terminal.printJson({ ...forked, capacity });
    else report(context, forked);
    return exitCodes.ok;
  } catch (error) {
    // What is damaged or refused stays so: the same command again would come no further.
    if (begun !== undefined && id === undefined && !isFinal(error))
      terminal.say(`Not finished: the same command with --id ${begun} goes on with it.`);
    throw error;
  }
}

function isFinal(error: unknown): boolean {
  return error instanceof CorruptionError || error instanceof ConflictError;
}

function report({ terminal }: CliContext, { jobId, spec, outcome, forkedFrom }: Forked): void {
  if (outcome === 'dry-run') {
    terminal.print(JSON.stringify(spec, null, 2));
    terminal.suggest(`Would begin at step ${forkedFrom.step} of ${forkedFrom.jobId}. Nothing was written.`);
    return;
  }
  terminal.print(jobId);
  terminal.suggest(
    outcome === 'queued'
      ? `Queued at step ${forkedFrom.step} of ${forkedFrom.jobId}. \`holdfast watch ${jobId}\` shows it.`
      : 'This very fork had been made before; it was only given another ticket.',
  );
}
