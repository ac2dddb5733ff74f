/**
 * Process entry: `node guardian.js COMMAND ARG…`, leader of a process group. Runs a program that knows nothing of Holdfast
 * and makes sure that it does not outlive its supervisor: when file descriptor 3 closes, the whole group is killed. An
 * orphan would go on writing into the folder that the next attempt on this machine uses.
 */
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { Socket } from 'node:net';

const [command = '', ...args] = process.argv.slice(2);
const killGroup = (): never => {
  process.kill(-process.pid, 'SIGKILL');
  process.exit(137);
};

const supervisor = new Socket({ fd: 3, readable: true, writable: false });
supervisor.on('error', killGroup).on('close', killGroup).resume();

const program = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit'] });
for (const signal of ['SIGTERM', 'SIGINT', 'SIGUSR1', 'SIGUSR2'] as const) {
  process.on(signal, () => program.kill(signal));
}
program.on('error', (error) => {
  process.stderr.write(`cannot start ${command}: ${error.message}\n`);
  process.exit(127);
});
program.on('exit', (code, signal) => {
  // A death by signal is told as shells tell it, because signalling ourselves would meet our own handlers.
  process.exit(signal === null ? (code ?? 1) : 128 + constants.signals[signal]);
});
