import type { Command } from 'commander';
import type { DiffCheckpointsInput, ExportCheckpointInput } from '../inputs.ts';
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

  checkpoints
    .command('export')
    .summary('write one into a folder for other programs')
    .usage('[options] <job> [checkpoint] <folder>')
    .description(
      'Writes a checkpoint into a folder that is not there yet: its files as they are, which any safetensors reader opens, or with --format layers a model for tf.loadLayersModel. Every byte is verified; a damaged checkpoint leaves nothing and ends with 6.',
    )
    .argument('<job>', 'job id')
    .argument('<folder...>', `${nameHelp} (default: latest), then the folder`)
    .option('--format <format>', 'safetensors or layers', 'safetensors')
    .option('--state <name>', 'with layers: the model, where the state has several')
    .option(
      '--weights <name>',
      'with layers: take weights from this state, which holds their moving averages',
    )
    .option('--force', 'also one that is quarantined, if its bytes are whole')
    .action(
      (jobId: string, words: readonly string[], options: Omit<ExportCheckpointInput, 'jobId' | 'words'>) =>
        run(async () => (await import('../commands/checkpoints-export.ts')).checkpointsExport, {
          ...options,
          jobId,
          words,
        }),
    );
}
