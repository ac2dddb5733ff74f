#!/usr/bin/env node
import { systemClock } from '../lib/base/clock.ts';
import { systemRandom } from '../lib/base/random.ts';
import { exitCodes } from '../lib/contract/exit-codes.ts';
import type { CliPorts } from './context.ts';
import { runCli } from './run-cli.ts';

function untilInterrupted(): AbortSignal {
  const controller = new AbortController();
  const interrupt = (): void => {
    if (controller.signal.aborted) process.exit(exitCodes.interrupted);
    controller.abort(new Error('interrupted from the keyboard'));
  };
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt);
  // A terminal that is closed. Without one `nohup` may have asked that nobody listens, and to listen would undo that.
  if (process.stderr.isTTY) {
    process.on('SIGHUP', interrupt);
    // What is said on the way out has no terminal any more.
    process.stderr.on('error', () => undefined);
  }
  return controller.signal;
}

// The AWS SDK would say at every command which versions of Node.js it is going to drop; the doctor says it once.
process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] ??= 'true';

let interruption: AbortSignal | undefined;

const ports: CliPorts = {
  streams: {
    writeOut: (text) => void process.stdout.write(text),
    writeErr: (text) => void process.stderr.write(text),
    outIsTerminal: process.stdout.isTTY,
    errIsTerminal: process.stderr.isTTY,
    columns: process.stdout.isTTY ? process.stdout.columns : 80,
  },
  env: process.env,
  cwd: process.cwd(),
  clock: systemClock,
  random: systemRandom,
  confirm: async (question) => (await import('./ask-person.ts')).askPerson(question, interruption),
  ask: async (question) => (await import('./ask-person.ts')).askForLine(question, interruption),
  untilInterrupted: () => (interruption ??= untilInterrupted()),
};

// A reader that has seen enough (`holdfast ls | head`) closes the pipe; that is no error of ours.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (interruption?.aborted === true) return;
  if (error.code === 'EPIPE') process.exit(exitCodes.ok);
  throw error;
});

process.exitCode = await runCli(process.argv.slice(2), ports);
