import { spawn, type ChildProcess } from 'node:child_process';
import { open } from 'node:fs/promises';
import { Readable, Writable } from 'node:stream';
import { assert, defined } from '../lib/base/assert.ts';
import type { Clock } from '../lib/base/clock.ts';
import { deferred } from '../lib/base/deferred.ts';
import { UnfitError } from '../lib/base/errors.ts';
import { instanceMark, killInstance, stillRunning } from './process-tree.ts';

export interface MachineOptions {
  readonly instanceId: string;
  readonly command: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  /** Receives what the command writes to stdout and stderr. */
  readonly logFile: string;
  readonly clock: Clock;
}

/**
 * The init process of a machine, as a shell script. It leads a process group, runs the command in it, says on descriptor 4
 * how the command ended, and stays, as a machine stays on when its program has ended. Descriptor 3 is the lifeline: its other
 * end is held by the process that started the machine. When that is gone, however it went, the script kills whatever carries
 * the mark of the instance, then its own group.
 */
const init = `
id=$1
shift
(
  read -r _ <&3
  for process in /proc/[0-9]*; do
    grep -qs "${instanceMark}=$id" "$process/environ" && kill -s KILL "\${process#/proc/}"
  done
  kill -s KILL 0
) 4>&- &
${instanceMark}=$id "$@" 3<&- 4>&-
echo $? >&4
exec 4>&-
wait
`;

/** Killing is a matter of milliseconds; a process that still runs after this hangs in the kernel, on a dead disk for example. */
const killMsMax = 10_000;

/** A process group that behaves as one machine: on until somebody pulls the plug, and then gone with everything on it. */
export class Machine {
  /** Leader of the process group. */
  readonly pid: number;
  /** Exit status of the command, 128 + n if signal n ended it; undefined when the plug was pulled first. */
  readonly exited: Promise<number | undefined>;
  readonly #child: ChildProcess;
  readonly #gone: Promise<void>;
  readonly #options: MachineOptions;
  /** Held open, never written: see `init`. */
  readonly #lifeline: Writable;

  private constructor(child: ChildProcess, options: MachineOptions) {
    const [, , , lifeline, status] = child.stdio;
    assert(lifeline instanceof Writable && status instanceof Readable, 'descriptors 3 and 4 are pipes');
    this.#child = child;
    this.#options = options;
    this.#lifeline = lifeline;
    // The other end closes when the machine dies; that is no error of ours.
    this.#lifeline.on('error', () => undefined);
    this.pid = defined(child.pid, 'a process that was spawned has an id');
    const gone = deferred();
    child.once('exit', () => gone.resolve());
    this.#gone = gone.promise;
    this.exited = readStatus(status);
  }

  /** @throws UnfitError where there is no POSIX shell */
  static async start(options: MachineOptions): Promise<Machine> {
    const { instanceId, command, env, cwd, logFile } = options;
    const log = await open(logFile, 'a');
    try {
      const child = spawn('/bin/sh', ['-c', init, 'holdfast-instance', instanceId, ...command], {
        cwd,
        env,
        detached: true,
        stdio: ['ignore', log.fd, log.fd, 'pipe', 'pipe'],
      });
      const spawned = deferred();
      child.once('spawn', () => spawned.resolve());
      child.once('error', (cause) =>
        spawned.reject(new UnfitError('a local instance needs /bin/sh, which does not start.', { cause })),
      );
      await spawned.promise;
      return new Machine(child, options);
    } finally {
      await log.close();
    }
  }

  /** Pulls the plug: SIGKILL for everything that belongs to the instance. Resolves when nothing of it runs any more. */
  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) {
      // Somebody else killed the leader alone. The guard at the other end of the lifeline kills what outlived it.
      this.#lifeline.destroy();
      return this.#gone;
    }
    const { clock, instanceId } = this.#options;
    const killed = killInstance(this.pid, instanceId);
    await this.#gone;
    const startedAtMs = clock.monotonicMs();
    for (;;) {
      const alive = stillRunning(killed);
      if (alive.length === 0) return;
      if (clock.monotonicMs() - startedAtMs > killMsMax) {
        throw new UnfitError('processes of a local instance survive SIGKILL.', {
          facts: { pids: alive.join(' ') },
          hint: 'Look for a hanging disk or network mount, then remove them by hand.',
        });
      }
      await clock.sleep(5);
    }
  }
}

async function readStatus(status: Readable): Promise<number | undefined> {
  let text = '';
  try {
    for await (const part of status) text += String(part);
  } catch {
    // The pipe broke with the machine; without a status line nobody knows how the command ended.
  }
  return /^\d+\n/.test(text) ? Number.parseInt(text, 10) : undefined;
}
