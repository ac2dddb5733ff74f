import type { SubmitInput } from '../inputs.ts';
import { collect, type Define } from './run.ts';

const help = `
Examples:
  $ holdfast submit train.ts --set learningRate=3e-4 --set epochs=20
  $ holdfast submit train.ts --input digits=s3://data/digits.bin --save-every 10m --save-every 1epoch
  $ holdfast submit --command --preset huggingface -- sh -c 'python train.py --output_dir "$HOLDFAST_CHECKPOINTS"'
  $ holdfast submit --command --checkpoints 'model-*.ckpt' --complete rename -- node train.js

A parameter that the program does not know, or of another type, is refused before anything is queued.
The same --id with the same job may be submitted again: it only wakes a worker.`;

type Options = Partial<Omit<SubmitInput, 'program' | 'words'>>;

const notGiven = {
  set: [],
  input: [],
  env: [],
  saveEvery: [],
  omit: [],
  keep: [],
  command: false,
  dryRun: false,
  estimate: true,
};

export const defineSubmit: Define = (program, run) => {
  program
    .command('submit')
    .summary('queue a training program')
    .description('Bundles a TypeScript training program, checks its parameters, and queues it as a job.')
    .argument('[program]', 'file that exports defineTraining(…) as default')
    .argument('[words...]', 'with --command: the words of the command, after --')
    .option('--set <name=value>', 'a parameter of the program (repeatable)', collect)
    .option('--input <name=place>', 'an input: a path, file:// or s3:// (repeatable)', collect)
    .option('--name <name>', 'name for people; the job id begins with it')
    .option('--id <id>', 'job id: a-z, 0-9 and inner hyphens')
    .option('--seed <integer>', "instead of the program's seed")
    .option('--backend <name>', 'tensorflow, wasm or cpu (default: the best that the machine has)')
    .option('--save-every <when>', '100steps, 30s, 10m or 1epoch (repeatable)', collect)
    .option('--omit <state>', 'a name of `state` that no checkpoint holds (repeatable)', collect)
    .option(
      '--keep <what>',
      '3, every=1000steps, for=24h, no-best (repeatable; default: 3 and the best)',
      collect,
    )
    .option('--owner <name>', 'whose job it is, for fairness in the queue')
    .option('--dry-run', 'check everything and show the job, but queue nothing')
    .option('--bundle <file>', 'only write the bundled program, for a message that is itself a job')
    .option('--no-estimate', 'do not ask AWS what machines cost now')
    .option('--command', 'run any other program, given after --, that writes checkpoints itself')
    .optionsGroup('Options of --command:')
    .option('--preset <name>', 'huggingface or lightning')
    .option('--checkpoints <glob>', "its checkpoints' names, as 'checkpoint-*'")
    .option('--complete <how>', 'rename, or marker:FILE')
    .option('--step-pattern <regex>', 'first group is the step in the name')
    .option('--on-notice <signal>', 'asks the program for a last checkpoint')
    .option('--on-save <signal>', 'asks the program for a checkpoint')
    .option('--env <name=value>', 'an environment variable (repeatable)', collect)
    .addHelpText('after', help)
    .action((file: string | undefined, words: readonly string[], options: Options) =>
      run(async () => (await import('../commands/submit.ts')).submit, {
        ...notGiven,
        ...options,
        program: file,
        words,
      }),
    );
};
