import type { Command } from 'commander';
import type { PruneInput, VerifyCheckpointsInput } from '../inputs.ts';
import { defineCheckpointContents } from './define-checkpoint-contents.ts';
import { collect, type Define, type Run } from './run.ts';

type VerifyOptions = Partial<Omit<VerifyCheckpointsInput, 'jobId' | 'checkpoints'>>;
type PruneOptions = Partial<Omit<PruneInput, 'jobId' | 'checkpoints'>>;

const nameHelp = "id, step120, 'latest' or 'best'";

export const defineCheckpoints: Define = (program, run) => {
  const checkpoints = program
    .command('checkpoints')
    .summary("look after a job's checkpoints")
    .description('Lists, shows, verifies, keeps and deletes the checkpoints of a job.');
  defineLooking(checkpoints, run);
  defineKeeping(checkpoints, run);
  defineCheckpointContents(checkpoints, run);
};

function defineLooking(checkpoints: Command, run: Run): void {
  checkpoints
    .command('ls')
    .summary('list what is kept')
    .description('Lists the checkpoints that are kept, the newest first, each with why it was saved.')
    .argument('<job>', 'job id')
    .action((jobId: string) =>
      run(async () => (await import('../commands/checkpoints-ls.ts')).checkpointsLs, {
        jobId,
      }),
    );

  checkpoints
    .command('show')
    .summary('show one')
    .description(
      'Shows what a checkpoint holds, which chunks it stored and which it re-uses, what must fit for a resume, and what committed it.',
    )
    .argument('<job>', 'job id')
    .argument('<checkpoint>', nameHelp)
    .action((jobId: string, checkpoint: string) =>
      run(async () => (await import('../commands/checkpoints-show.ts')).checkpointsShow, {
        jobId,
        checkpoint,
      }),
    );

  checkpoints
    .command('verify')
    .summary('read every byte and compare')
    .description(
      'Reads checkpoints whole and compares every byte with what was committed; without names the one from which a resume would begin. The exit code is 6 when something is damaged and 1 when something could not be read, which is no damage.',
    )
    .argument('<job>', 'job id')
    .argument('[checkpoints...]', nameHelp)
    .option('--all', 'every checkpoint that is kept')
    .option('--lift', 'lift the quarantine of what is whole: it may be resumed from again')
    .option('--quarantine', 'quarantine what is damaged: it counts for nothing any more')
    .action((jobId: string, names: readonly string[], options: VerifyOptions) =>
      run(async () => (await import('../commands/checkpoints-verify.ts')).checkpointsVerify, {
        all: false,
        lift: false,
        quarantine: false,
        ...options,
        jobId,
        checkpoints: names,
      }),
    );
}

/** Keeping and deleting. */
function defineKeeping(checkpoints: Command, run: Run): void {
  checkpoints
    .command('pin')
    .summary('keep one whatever the keep policy says')
    .description('Keeps a checkpoint whatever the keep policy says, until it is unpinned.')
    .argument('<job>', 'job id')
    .argument('<checkpoint>', nameHelp)
    .action((jobId: string, checkpoint: string) =>
      run(async () => (await import('../commands/checkpoints-pin.ts')).checkpointsPin, {
        jobId,
        checkpoint,
      }),
    );

  checkpoints
    .command('unpin')
    .summary('give one back to the keep policy')
    .description('Gives a pinned checkpoint back to the keep policy, which decides at the next save.')
    .argument('<job>', 'job id')
    .argument('<checkpoint>', nameHelp)
    .action((jobId: string, checkpoint: string) =>
      run(async () => (await import('../commands/checkpoints-pin.ts')).checkpointsUnpin, {
        jobId,
        checkpoint,
      }),
    );

  checkpoints
    .command('prune')
    .summary('delete what is not needed any more')
    .description(
      'Shows what would be deleted and how much that frees: the checkpoints that are named, or those that the keep policy drops. --yes deletes them. The newest good one, pinned ones and those that a fork holds always stay.',
    )
    .argument('<job>', 'job id')
    .argument('[checkpoints...]', nameHelp)
    .option(
      '--keep <what>',
      "instead of the job's own policy: 3, every=1000steps, for=24h, no-best (repeatable)",
      collect,
    )
    .option('--yes', 'delete them')
    .option('--wait', 'with --yes: return when a worker has deleted them')
    .action((jobId: string, names: readonly string[], options: PruneOptions) =>
      run(async () => (await import('../commands/checkpoints-prune.ts')).checkpointsPrune, {
        keep: [],
        yes: false,
        wait: false,
        ...options,
        jobId,
        checkpoints: names,
      }),
    );
}
