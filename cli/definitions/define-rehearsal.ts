import type { RehearseInput } from '../inputs.ts';
import { parseCount } from '../parse-count.ts';
import { parseDuration } from '../parse-duration.ts';
import { collect, type Define } from './run.ts';

const help = `
Scenarios: storm, notice-without-kill, kill-before-deadline, notice-withdrawn, moving-deadline, rebalance-only,
imds-unavailable, two-workers, store-errors, disk-full, clock-jumps, slow-network, or a JSON file of your own.

Examples:
  $ holdfast rehearse train.ts --scenario storm --set epochs=5
  $ holdfast rehearse my-job-k3x9qa --scenario store-errors --svg rehearsal.svg

A job is rehearsed as a new one: program, parameters and inputs are copied, and of the job itself nothing is touched.
Exit code 6: something was lost, repeated or different. What is left of the rehearsal then stays to be looked into.`;

/** Long enough for a program that trains for minutes: it is run twice. */
const limitMs = 15 * 60_000;

type Options = Partial<Omit<RehearseInput, 'subject'>>;

export const defineRehearsal: Define = (program, run) => {
  program
    .command('rehearse')
    .summary('put a job through bad weather on this machine')
    .description(
      'Trains a program or a job twice on this machine, once left alone and once put through a scenario, and compares everything.',
    )
    .argument('<job-or-program>', 'job id, or a file that exports defineTraining(…) as default')
    .option('--scenario <name|file>', 'what it is put through', 'storm')
    .option('--set <name=value>', 'a parameter of the program (repeatable)', collect)
    .option('--input <name=place>', 'an input: a path, file:// or s3:// (repeatable)', collect)
    .option('--seed <integer>', 'repeats what was drawn in another rehearsal', (text) =>
      parseCount(text, '--seed', 0),
    )
    .option('--backend <name>', 'tensorflow, wasm or cpu (default: the best that the machine has)')
    .option(
      '--into <dir>',
      "new folder of the rehearsal's own region, which stays (default: a temporary one)",
    )
    .option('--svg <file>', 'write a picture')
    .option('--limit <duration>', 'break off after so long (default: 15m)', (text) =>
      parseDuration(text, '--limit'),
    )
    .addHelpText('after', help)
    .action((subject: string, { limit, ...options }: Options & { readonly limit?: number }) =>
      run(async () => (await import('../commands/rehearse.ts')).rehearse, {
        scenario: 'storm',
        set: [],
        input: [],
        ...options,
        subject,
        limitMs: limit ?? limitMs,
      }),
    );
};
