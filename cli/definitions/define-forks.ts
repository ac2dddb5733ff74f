import type { ForkInput, SweepInput } from '../inputs.ts';
import { collect, type Define } from './run.ts';

const forkHelp = `
Examples:
  $ holdfast fork digits-k3m9qa@120 --set learningRate=0.001
  $ holdfast fork digits-k3m9qa@best --program train2.ts --seed 7

The checkpoint is copied within the store: nothing of the first job is needed afterwards. What was cut short is finished
by the same command with --id and the id that it printed. Without @ the newest checkpoint is taken.`;

const sweepHelp = `
The file:
  { "format": 1,
    "from": "digits-k3m9qa@120",               or "program": "train.ts", to begin afresh
    "set": { "epochs": 20 },
    "grid": { "units": [32, 64] },
    "random": { "count": 5, "seed": 1, "params": { "learningRate": { "log": [1e-4, 1e-1] } } },
    "rank": { "metric": "accuracy", "goal": "max" } }

Each combination of the grid with each draw is a job. Draws: {"uniform": [0, 0.5]}, {"log": [1e-4, 1e-1]} or
{"choice": [1, 2]}. The same file again makes what is not there yet.`;

export const defineForks: Define = (program, run) => {
  program
    .command('fork')
    .summary('begin a new job from a checkpoint of another one')
    .description(
      'Queues a new job that begins with a copy of a checkpoint, with other parameters, another seed or another program.',
    )
    .argument('<checkpoint>', 'JOB, JOB@STEP, JOB@best or JOB@CHECKPOINT')
    .option('--set <name=value>', 'change a parameter (repeatable)', collect)
    .option('--program <file>', 'another program; parameters that it has too keep their values')
    .option('--seed <integer>', 'another seed')
    .option('--env <name=value>', 'of a command: set an environment variable (repeatable)', collect)
    .option('--name <name>', 'name for people; the job id begins with it')
    .option('--id <id>', 'job id: a-z, 0-9 and inner hyphens')
    .option('--save-every <when>', '100steps, 30s, 10m or 1epoch (repeatable)', collect)
    .option('--keep <count>', 'checkpoints that stay besides the best one')
    .option('--owner <name>', 'whose job it is, for fairness in the queue')
    .option('--dry-run', 'check everything and show the job, but write nothing')
    .addHelpText('after', forkHelp)
    .action((from: string, options: Partial<Omit<ForkInput, 'from'>>) =>
      run(async () => (await import('../commands/fork.ts')).fork, {
        set: [],
        env: [],
        saveEvery: [],
        dryRun: false,
        ...options,
        from,
      }),
    );

  program
    .command('sweep')
    .summary('try many parameters, each as a job')
    .description(
      'Makes a job of each point of a grid or of random draws: forks of one checkpoint, or fresh jobs.',
    )
    .argument('<file>', 'JSON document')
    .option('--status', 'show how the points stand, the best first')
    .option('--dry-run', 'check and list the points, but write nothing')
    .option('--yes', 'more than 32 points are meant')
    .option('--save-every <when>', '100steps, 30s, 10m or 1epoch (repeatable)', collect)
    .option('--owner <name>', 'whose jobs they are, for fairness in the queue')
    .addHelpText('after', sweepHelp)
    .action((file: string, options: Partial<Omit<SweepInput, 'file'>>) =>
      run(async () => (await import('../commands/sweep.ts')).sweep, {
        saveEvery: [],
        status: false,
        dryRun: false,
        yes: false,
        ...options,
        file,
      }),
    );
};
