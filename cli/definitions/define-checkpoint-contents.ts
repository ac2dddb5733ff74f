import type { Command } from 'commander';
import type { DiffCheckpointsInput } from '../inputs.ts';
import type { Run } from './run.ts';

const nameHelp = "id, step120, 'latest' or 'best'";

/** Commands that look into checkpoints: below `holdfast checkpoints`. */
export function defineCheckpointContents(checkpoints: Command, run: Run): void {
  checkpoints
    .command('diff')
    .summary('tell what changed between two')
    .description(
      'Tells what changed from checkpoint A to B: position, numbers, and each tensor with the norm of its change. The exit code is 0 whether they differ or not.',
    )
    .argument('<job>', 'job id')
    .argument('<a>', nameHelp)
    .argument('[b]', nameHelp, 'latest')
    .option('--with <job>', 'take B from this job, as from a fork')
    .action((jobId: string, a: string, ...[b, options]: [string, Pick<DiffCheckpointsInput, 'with'>]) =>
      run(async () => (await import('../commands/checkpoints-diff.ts')).checkpointsDiff, {
        ...options,
        jobId,
        a,
        b,
      }),
    );
}
