import type { RequestInput, ResumeInput, RetryInput } from '../inputs.ts';
import { collect, type Define } from './run.ts';

const wait = ['--wait', 'return when it has happened'] as const;

type RequestOptions = Partial<Omit<RequestInput, 'jobId'>>;
type RetryOptions = Partial<Omit<RetryInput, 'jobId'>>;
type ResumeOptions = Partial<Omit<ResumeInput, 'jobId'>>;

export const defineRequests: Define = (program, run) => {
  program
    .command('pause')
    .summary('save a job and let its machine go')
    .description(
      'Asks for a checkpoint, then for the worker to let go. `holdfast resume` goes on from there.',
    )
    .argument('<job>', 'job id')
    .option(...wait)
    .action((jobId: string, options: RequestOptions) =>
      run(async () => (await import('../commands/pause.ts')).pause, { wait: false, ...options, jobId }),
    );

  program
    .command('resume')
    .summary('go on with a paused or failed job')
    .description(
      'Goes on from the newest good checkpoint, or from an older one, with the same program or a fixed one.',
    )
    .argument('<job>', 'job id')
    .option('--program <file>', 'a fixed program; the job, its checkpoints and its history stay')
    .option('--set <name=value>', 'change a parameter (repeatable)', collect)
    .option(
      '--keep <what>',
      'another keep policy: 3, every=1000steps, for=24h, no-best (repeatable)',
      collect,
    )
    .option(
      '--from <checkpoint>',
      "roll back to this checkpoint: its id, step120, 'best' (see `holdfast checkpoints ls`)",
    )
    .option(...wait)
    .action((jobId: string, options: ResumeOptions) =>
      run(async () => (await import('../commands/resume.ts')).resume, {
        wait: false,
        set: [],
        keep: [],
        ...options,
        jobId,
      }),
    );

  program
    .command('retry')
    .summary('try a failed job again')
    .description(
      'Clears the strikes of a failed job and queues it again, from its newest good checkpoint. With --dead-letter: sends a message once more that no worker could make sense of.',
    )
    .argument('[job]', 'job id')
    .option('--dead-letter <id>', 'a message of `holdfast ls --dead-letters` instead of a job')
    .option(...wait)
    .action((jobId: string | undefined, options: RetryOptions) =>
      run(async () => (await import('../commands/retry.ts')).retry, { wait: false, ...options, jobId }),
    );

  program
    .command('cancel')
    .summary('end a job for good')
    .description('Ends a job for good. Its checkpoints stay.')
    .argument('<job>', 'job id')
    .option(...wait)
    .action((jobId: string, options: RequestOptions) =>
      run(async () => (await import('../commands/cancel.ts')).cancel, { wait: false, ...options, jobId }),
    );
};
