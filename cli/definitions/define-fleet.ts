import type { InterruptInput } from '../inputs.ts';
import { parseDuration } from '../parse-duration.ts';
import type { Define } from './run.ts';

interface InterruptOptions {
  readonly instance?: string;
  readonly kill?: boolean;
  readonly notice?: number;
  readonly yes?: boolean;
}

function interruptInput(jobId: string | undefined, options: InterruptOptions): InterruptInput {
  const { instance, kill = false, notice, yes = false } = options;
  return {
    kill,
    yes,
    ...(jobId === undefined ? {} : { jobId }),
    ...(instance === undefined ? {} : { instance }),
    ...(notice === undefined ? {} : { noticeMs: notice }),
  };
}

export const defineFleet: Define = (program, run) => {
  program
    .command('doctor')
    .summary('look at everything that a job rests on')
    .description(
      'Checks this machine, credentials, quotas, the deployment, store, queue and jobs, gives jobs a new ticket that lost theirs, and says what to do. Exit code 6 when a check failed.',
    )
    .action(() => run(async () => (await import('../commands/doctor.ts')).doctor, {}));

  program
    .command('fleet')
    .summary('list the machines')
    .description(
      'Lists the machines with the job that each works on, its prices now and what it has cost so far.',
    )
    .action(() => run(async () => (await import('../commands/fleet.ts')).fleet, {}));

  program
    .command('interrupt')
    .summary('rehearse the loss of a machine')
    .description(
      'Takes the machine that runs a job away: in a local region by a notice or a kill, on AWS by an experiment of the Fault Injection Service.',
    )
    .argument('[job]', 'job whose machine it shall be')
    .option('--instance <id>', 'a machine by its id instead')
    .option('--kill', 'without any notice (local region)')
    .option('--notice <duration>', 'time from the notice to the end (local region)', (text: string) =>
      parseDuration(text, '--notice'),
    )
    .option('-y, --yes', 'do not ask')
    .action((jobId: string | undefined, options: InterruptOptions) =>
      run(async () => (await import('../commands/interrupt.ts')).interrupt, interruptInput(jobId, options)),
    );
};
