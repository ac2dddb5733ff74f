import { Command, CommanderError } from 'commander';
import { UsageError } from '../lib/base/errors.ts';
import { exitCodes } from '../lib/contract/exit-codes.ts';
import type { CliContext, CliPorts, GlobalOptions } from './context.ts';
import { defineCheckpoints } from './definitions/define-checkpoints.ts';
import { defineDemo } from './definitions/define-demo.ts';
import { defineDeploy } from './definitions/define-deploy.ts';
import { defineForks } from './definitions/define-forks.ts';
import { defineFleet } from './definitions/define-fleet.ts';
import { defineLedger } from './definitions/define-ledger.ts';
import { defineMachines } from './definitions/define-machines.ts';
import { defineProof } from './definitions/define-proof.ts';
import { defineReading } from './definitions/define-reading.ts';
import { defineRehearsal } from './definitions/define-rehearsal.ts';
import { defineRequests } from './definitions/define-requests.ts';
import { defineSubmit } from './definitions/define-submit.ts';
import type { Run } from './definitions/run.ts';
import { exitCodeOf, printError } from './print-error.ts';
import { openTerminal } from './terminal.ts';
import { version } from './version.ts';

const exitCodesHelp = `
Exit codes:
  0 ok · 1 error · 2 usage · 3 not found · 4 credentials · 5 conflict · 6 check failed
  100 job failed · 101 not finished · 103 job cancelled · 130 Ctrl-C

Where things are: --store and --queue, else HOLDFAST_STORE and HOLDFAST_QUEUE, else the deployment, else the
local region in .holdfast/.`;

/**
 * Runs one command line and says with which code the process should end. Never throws: what goes wrong is printed.
 * @param args without the names of node and script
 */
export async function runCli(args: readonly string[], ports: CliPorts): Promise<number> {
  const terminal = openTerminal(ports.streams, { json: asksForJson(args), env: ports.env });
  let exitCode: number = exitCodes.ok;
  let interruption: AbortSignal | undefined;
  const untilInterrupted = (): AbortSignal => (interruption ??= ports.untilInterrupted());
  const program = createProgram(ports);
  const run: Run = async (load, input) => {
    const { json = false, store, queue, dir } = program.opts<Partial<GlobalOptions>>();
    const context: CliContext = {
      ...ports,
      untilInterrupted,
      terminal,
      options: { json, store, queue, dir },
    };
    exitCode = await (await load())(context, input);
  };
  const groups = [
    ['See it work:', defineDemo],
    ['Prove it:', defineProof],
    ['Prove it:', defineRehearsal],
    ['Jobs:', defineSubmit],
    ['Jobs:', defineReading],
    ['Jobs:', defineRequests],
    ['Jobs:', defineForks],
    ['Checkpoints:', defineCheckpoints],
    ['What it comes to:', defineLedger],
    ['AWS:', defineDeploy],
    ['Machines:', defineFleet],
    ['Machines:', defineMachines],
  ] as const;
  for (const [title, define] of groups) define(program.commandsGroup(title), run);
  try {
    await program.parseAsync(args, { from: 'user' });
    return exitCode;
  } catch (error) {
    if (interruption?.aborted === true) return exitCodes.interrupted;
    if (!(error instanceof CommanderError)) {
      printError(terminal, error);
      return exitCodeOf(error);
    }
    if (error.exitCode === 0) return exitCodes.ok;
    if (error.code !== 'commander.help')
      printError(terminal, usageErrorOf(error, pathOf(program, args, error.message)));
    return exitCodes.usage;
  }
}

function createProgram(ports: CliPorts): Command {
  return new Command('holdfast')
    .description('Train on Spot machines that can be taken away at any moment, and lose nothing.')
    .version(version(), '-V, --version')
    .option('--json', 'print one JSON document, or one a line for streams')
    .option('--store <uri>', 'file:///dir or s3://bucket/prefix')
    .option('--queue <uri>', 'file:///dir or the URL of an SQS queue')
    .option('--dir <dir>', 'folder of the local region (default: .holdfast)')
    .addHelpText('after', exitCodesHelp)
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: (text) => ports.streams.writeOut(text),
      writeErr: (text) => ports.streams.writeErr(text),
      getOutHelpWidth: () => ports.streams.columns,
      getErrHelpWidth: () => ports.streams.columns,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
      // Printed with all other errors, in the same form.
      outputError: () => {},
    })
    .exitOverride();
}

/** Looked at before parsing, so that a usage error too is printed as asked. What follows `--` is another program's. */
function asksForJson(args: readonly string[]): boolean {
  const end = args.indexOf('--');
  return (end === -1 ? args : args.slice(0, end)).includes('--json');
}

/** The command that is meant, as `checkpoints show`: its words up to one that the message complains about. */
function pathOf(program: Command, args: readonly string[], message: string): readonly string[] {
  const path: string[] = [];
  let at = program;
  for (const word of args.filter((arg) => !arg.startsWith('-'))) {
    const next = at.commands.find((command) => command.name() === word);
    // The value of an option may stand before a command, but nothing between the words of one.
    if (next === undefined && (path.length > 0 || message.includes(`'${word}'`))) break;
    if (next === undefined) continue;
    path.push(word);
    at = next;
  }
  return path;
}

function usageErrorOf(error: CommanderError, path: readonly string[]): UsageError {
  return new UsageError(error.message.replace(/^error: /, ''), {
    hint: `\`holdfast ${[...path, '--help'].join(' ')}\` shows what is possible.`,
  });
}
