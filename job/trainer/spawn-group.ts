import { type ChildProcess, spawn, type StdioOptions } from 'node:child_process';
import { Duplex } from 'node:stream';
import { pause, systemClock } from '../../lib/base/clock.ts';
import { readLines } from './lines.ts';
import type { TrainerExit } from './trainer.ts';

/** The last output of a program that has ended is read in milliseconds. */
const lastOutputMs = 1_000;

export interface GroupOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  /** Opens file descriptor 3 in both directions. */
  readonly channel: boolean;
  readonly onOutput: (stream: 'out' | 'err', line: string) => void;
  /** Once, after the last output. */
  readonly onExit: (exit: TrainerExit) => void;
}

/** A program with its whole family: killed together, so that no helper process outlives its attempt. */
export interface ProcessGroup {
  readonly channel: Duplex | undefined;
  signalLeader(signal: NodeJS.Signals): void;
  kill(): void;
}

/**
 * Starts a program that is killed with all that it starts. It stays in the worker's session but gets a process group of its
 * own, so that Ctrl-C and a group signal to the worker do not reach it before the worker has decided what to do.
 */
export function spawnGroup(options: GroupOptions): ProcessGroup {
  const { command, args, env, cwd, channel, onOutput, onExit } = options;
  const stdio: StdioOptions = channel ? ['ignore', 'pipe', 'pipe', 'pipe'] : ['ignore', 'pipe', 'pipe'];
  const child = spawn(command, [...args], { cwd, env, stdio, detached: true });
  if (child.stdout !== null) readLines(child.stdout, (line) => onOutput('out', line));
  if (child.stderr !== null) readLines(child.stderr, (line) => onOutput('err', line));
  let ended = false;
  const end = (exit: TrainerExit): void => {
    if (ended) return;
    ended = true;
    onExit(exit);
  };
  child.on('error', (error) => {
    onOutput('err', `cannot start ${command}: ${error.message}`);
    end({ code: 127, signal: null });
  });
  child.on('close', (code, signal) => end({ code, signal }));
  child.on('exit', (code, signal) => {
    killGroup(child);
    void letGoOfOutput(child).then(() => end({ code, signal }));
  });
  return {
    channel: child.stdio[3] instanceof Duplex ? child.stdio[3] : undefined,
    signalLeader: (signal) => {
      child.kill(signal);
    },
    kill: () => killGroup(child),
  };
}

/** A helper that left the group (a tracker, a board) may hold the program's output open for ever: nobody waits for it. */
async function letGoOfOutput(child: ChildProcess): Promise<void> {
  const closed = new AbortController();
  child.once('close', () => closed.abort());
  await pause(systemClock, lastOutputMs, closed.signal);
  for (const stream of child.stdio) stream?.destroy();
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch (error) {
    // Nobody of the group is left: that is what was wanted.
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}
