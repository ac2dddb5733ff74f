import { defineCheckpointContents } from './define-checkpoint-contents.ts';
import type { Define } from './run.ts';

const nameHelp = "id, step120, 'latest' or 'best'";

export const defineCheckpoints: Define = (program, run) => {
  const checkpoints = program
    .command('checkpoints')
    .summary("look after a job's checkpoints")
    .description('Lists, shows, verifies, keeps and deletes the checkpoints of a job.');

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

  defineCheckpointContents(checkpoints, run);
};
