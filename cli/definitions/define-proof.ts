import type { VerifyInput } from '../inputs.ts';
import { parseCount } from '../parse-count.ts';
import { collect, type Define } from './run.ts';

const help = `
Examples:
  $ holdfast verify train.ts
  $ holdfast verify train.ts --set batchSize=8 --steps 200 --interruptions 12
  $ holdfast verify train.ts --json --svg curves.svg

Processes are really killed, and each that goes on has another working directory, time zone, host name, clock and order of
directories. A part of a checkpoint is dropped on purpose each time: where that is not noticed, nothing counts.
Exit code 6: the program does not resume exactly. The first difference is named, with what to do about it.`;

type Options = Partial<Omit<VerifyInput, 'program'>>;

export const defineProof: Define = (program, run) => {
  program
    .command('verify')
    .summary('prove that a program resumes exactly')
    .description(
      'Runs a program left alone and interrupted, on this machine, and compares every step: examples, metrics and state.',
    )
    .argument('<program>', 'file that exports defineTraining(…) as default')
    .option('--set <name=value>', 'a parameter of the program (repeatable)', collect)
    .option('--input <name=path>', 'an input (repeatable)', collect)
    .option(
      '--steps <count>',
      'steps to compare (default: into the second epoch, if that is quick)',
      (text) => parseCount(text, '--steps'),
    )
    .option('--interruptions <count>', 'processes to kill (default: 7, one at each kind of place)', (text) =>
      parseCount(text, '--interruptions'),
    )
    .option('--seed <integer>', 'where it is interrupted (default: 1)', (text) =>
      parseCount(text, '--seed', 0),
    )
    .option('--backend <name>', 'tensorflow, wasm or cpu (default: the best that the machine has)')
    .option('--svg <file>', 'write a picture of both loss curves')
    .addHelpText('after', help)
    .action((file: string, options: Options) =>
      run(async () => (await import('../commands/verify.ts')).verify, {
        set: [],
        input: [],
        seed: 1,
        ...options,
        program: file,
      }),
    );
};
