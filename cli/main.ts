#!/usr/bin/env node
import { systemClock } from '../lib/base/clock.ts';
import { systemRandom } from '../lib/base/random.ts';
import { exitCodes } from '../lib/contract/exit-codes.ts';
import type { CliPorts } from './context.ts';
import { runCli } from './run-cli.ts';

function untilInterrupted(): AbortSignal {
  const controller = new AbortController();
  const abort = (): void => controller.abort(new Error('interrupted from the keyboard'));
  let isImpatient = false;
  const interrupt = (): void => {
    if (isImpatient) process.exit(exitCodes.interrupted);
    isImpatient = true;
    abort();
  };
  // A terminal that closes says so by itself and by its shell, beside other signals: that is nobody's impatience.
  // Listening takes nothing from `nohup`: Node.js gives every signal back its own meaning when it starts.
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt).on('SIGHUP', abort);
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
  refuseUnlessHungUp(process.stdout, error);
});
// Nor is it one that nobody listens to the talk: what is under way goes on.
process.stderr.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') refuseUnlessHungUp(process.stderr, error);
});

/** A terminal that is gone takes no words any more, and its signal is on the way: what is under way is still tidied up. */
function refuseUnlessHungUp(stream: NodeJS.WriteStream, error: NodeJS.ErrnoException): void {
  if (error.code !== 'EIO' || !stream.isTTY) throw error;
}

process.exitCode = await runCli(process.argv.slice(2), ports);
