/**
 * The trainer process: `node tfjs-host.js START.json`, started by a supervisor that listens on file descriptor 3; or
 * `node tfjs-host.js --inspect PROGRAM.mjs`, to ask a program for its parameters.
 */
import { Socket } from 'node:net';
import { systemClock } from '../../lib/base/clock.ts';
import { messageOf } from '../../lib/base/errors.ts';
import { workerExitCodes } from '../../lib/contract/exit-codes.ts';
import { HostSession } from './host-session.ts';
import { readHostStart } from './host-start.ts';
import { inspectHost } from './inspect-host.ts';
import { runHost } from './run-host.ts';

const [first, ...rest] = process.argv.slice(2);
if (first === '--inspect') process.exitCode = await inspectHost(rest);
else if (first === undefined) refuse('the file with its orders is missing');
else await train(first);

async function train(startPath: string): Promise<void> {
  // A signal to the whole group is the supervisor's to answer: it asks for a checkpoint, or says stop.
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => {});
  // Output that nobody reads any more is no reason to die before the channel tells the same.
  for (const output of [process.stdout, process.stderr]) output.on('error', () => {});
  const start = readHostStart(startPath);
  const session = new HostSession({
    start,
    stream: supervisorStream(),
    clock: systemClock,
    exit: (code) => process.exit(code),
  });
  process.on('uncaughtException', (error) => void session.fail(error));
  process.on('unhandledRejection', (reason) => void session.fail(reason));
  try {
    await runHost({ start, session, clock: systemClock });
  } catch (error) {
    await session.fail(error);
  }
}

function supervisorStream(): Socket {
  try {
    return new Socket({ fd: 3, readable: true, writable: true });
  } catch (error) {
    return refuse(messageOf(error));
  }
}

function refuse(why: string): never {
  process.stderr.write(
    `this program is started by a Holdfast worker, which talks to it on descriptor 3: ${why}\n`,
  );
  process.exit(workerExitCodes.configuration);
}
