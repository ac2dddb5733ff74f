import type { LogsInput } from '../inputs.ts';
import type { Define } from './run.ts';

export const defineReading: Define = (program, run) => {
  program
    .command('ls')
    .summary('list the jobs')
    .description('Lists the jobs of the store, newest first.')
    .option(
      '--dead-letters',
      'list the messages that no worker could make sense of instead, each with its reason',
    )
    .action(({ deadLetters = false }: { readonly deadLetters?: boolean }) =>
      deadLetters
        ? run(async () => (await import('../commands/ls-dead-letters.ts')).lsDeadLetters, {})
        : run(async () => (await import('../commands/ls.ts')).ls, {}),
    );

  program
    .command('show')
    .summary('show one job')
    .description('Shows what a job is, who works on it, its checkpoints, its strikes and its end.')
    .argument('<job>', 'job id')
    .action((jobId: string) => run(async () => (await import('../commands/show.ts')).show, { jobId }));

  program
    .command('why')
    .summary('tell why a job is where it is')
    .description('Tells the story of a job: what happened, in order, and what each interruption cost.')
    .argument('<job>', 'job id')
    .action((jobId: string) => run(async () => (await import('../commands/why.ts')).why, { jobId }));

  program
    .command('logs')
    .summary("print a job's output")
    .description('Prints the output of all attempts as one stream, with a ruler at every interruption.')
    .argument('<job>', 'job id')
    .option('-f, --follow', 'go on until the job ends; the exit code is then its own')
    .option('--lost', 'also lines of steps that a resume took back')
    .action((jobId: string, options: Partial<Omit<LogsInput, 'jobId'>>) =>
      run(async () => (await import('../commands/logs.ts')).logs, {
        follow: false,
        lost: false,
        ...options,
        jobId,
      }),
    );

  program
    .command('watch')
    .summary('watch a job until it ends')
    .description(
      'Shows a running job on one screen until it ends. The exit code is 0, 100 or 103 as it ended.',
    )
    .argument('<job>', 'job id')
    .action((jobId: string) => run(async () => (await import('../commands/watch.ts')).watch, { jobId }));
};
