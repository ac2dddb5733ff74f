import type { Command as Definition } from 'commander';
import type { DeployInput } from '../deploy/inputs.ts';
import { collect, type Define } from './run.ts';

const words = ['[words...]', "further options of the CDK's own command, after --"] as const;

const help = `
The app is the one that cdk.json in this folder describes, else the one that comes with Holdfast.
Needs credentials of AWS, and the AWS CDK: \`holdfast init\` makes a project that has it.`;

interface DeployOptions {
  readonly context?: readonly string[];
  readonly profile?: string;
  readonly region?: string;
  readonly stack?: string;
}

function deployInput(options: DeployOptions, others: readonly string[]): DeployInput {
  const { context = [], profile, region, stack } = options;
  return {
    context,
    words: others,
    ...(profile === undefined ? {} : { profile }),
    ...(region === undefined ? {} : { region }),
    ...(stack === undefined ? {} : { stack }),
  };
}

/** What every command takes that runs the CDK. */
function ofTheCdk(command: Definition): Definition {
  return command
    .argument(...words)
    .option('-c, --context <key=value>', 'a setting of the app (repeatable)', collect)
    .option('--profile <name>', 'credentials by their name in the AWS configuration')
    .option('--region <name>', 'AWS region')
    .option('--stack <name>', 'the stack with the fleet, where the app has several')
    .addHelpText('after', help);
}

export const defineDeploy: Define = (program, run) => {
  program
    .command('init')
    .summary('make a project: a program, and what it takes to train it on AWS')
    .description('Writes a project into a folder, and never over a file that is there.')
    .argument('[folder]', 'where to (default: here)')
    .action((folder: string | undefined) =>
      run(async () => (await import('../commands/init.ts')).init, { folder: folder ?? '.' }),
    );

  ofTheCdk(program.command('up'))
    .summary('deploy the fleet to AWS')
    .description(
      'Shows what would change, asks, deploys it, and remembers what stands for every other command.',
    )
    .option('-y, --yes', 'do not ask')
    .option('--outputs <file>', 'deploy nothing: read what `cdk deploy --outputs-file` wrote')
    .action(
      (
        others: readonly string[],
        options: DeployOptions & { readonly yes?: boolean; readonly outputs?: string },
      ) =>
        run(async () => (await import('../commands/up.ts')).up, {
          ...deployInput(options, others),
          yes: options.yes ?? false,
          ...(options.outputs === undefined ? {} : { outputs: options.outputs }),
        }),
    );

  ofTheCdk(program.command('diff'))
    .summary('show what a deployment would change')
    .description('Compares the app with what is deployed. Ends with 6 where they differ.')
    .action((others: readonly string[], options: DeployOptions) =>
      run(async () => (await import('../commands/diff.ts')).diff, deployInput(options, others)),
    );

  ofTheCdk(program.command('down'))
    .summary('delete the fleet; keep the jobs and checkpoints')
    .description(
      'Deletes the stack that `holdfast up` deployed. The bucket with every job stays, unless told otherwise.',
    )
    .option('-y, --yes', 'do not ask')
    .option('--force', 'also while jobs run')
    .option('--delete-data', 'delete the bucket too, with every job and checkpoint in it')
    .action(
      (
        others: readonly string[],
        options: DeployOptions & {
          readonly yes?: boolean;
          readonly force?: boolean;
          readonly deleteData?: boolean;
        },
      ) =>
        run(async () => (await import('../commands/down.ts')).down, {
          ...deployInput(options, others),
          yes: options.yes ?? false,
          force: options.force ?? false,
          deleteData: options.deleteData ?? false,
        }),
    );
};
