import { execFile } from 'node:child_process';

export interface CommandLimits {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Runs a program of the machine and returns what it printed on stdout. Rejects when it is missing, ends with anything but
 * 0, takes too long (it is killed) or is aborted; the message holds what it printed on stderr.
 */
export type RunCommand = (command: string, args: readonly string[], limits: CommandLimits) => Promise<string>;

/** Far more than any tool prints that is called here. */
const outputBytesMax = 1024 * 1024;

export const runCommand: RunCommand = (command, args, { timeoutMs, signal }) =>
  new Promise((resolve, reject) => {
    execFile(
      command,
      [...args],
      {
        timeout: timeoutMs,
        killSignal: 'SIGKILL',
        maxBuffer: outputBytesMax,
        ...(signal !== undefined && { signal }),
      },
      (error, stdout, stderr) => {
        if (error === null) return resolve(stdout);
        const said = stderr.trim() === '' ? stdout.trim() : stderr.trim();
        return reject(new Error(said === '' ? error.message : `${command}: ${said}`, { cause: error }));
      },
    );
  });
