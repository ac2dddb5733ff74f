import { spawn } from 'node:child_process';

export interface Run {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** No tool of these tests takes longer, not even a bundling deployment on a busy machine; what does hangs. */
const limitMs = 180_000;

/** Runs a command to its end and returns what it said. Its whole process group ends with the limit. */
export function runProcess(
  command: readonly [string, ...string[]],
  options: { readonly cwd: string; readonly env: Readonly<Record<string, string>> },
): Promise<Run> {
  const [file, ...args] = command;
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, {
      cwd: options.cwd,
      env: options.env,
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    const said = { stdout: '', stderr: '' };
    const kill = (): void => {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    };
    const timer = setTimeout(kill, limitMs);
    process.once('exit', kill);
    child.stdout.on('data', (part) => (said.stdout += String(part)));
    child.stderr.on('data', (part) => (said.stderr += String(part)));
    const settle = (): void => {
      clearTimeout(timer);
      process.removeListener('exit', kill);
    };
    child.once('error', (error) => {
      settle();
      reject(error);
    });
    child.once('close', (code) => {
      settle();
      resolve({ code, ...said });
    });
  });
}

/** As `runProcess`, for what must succeed: an error holds everything that was said. */
export async function mustRun(
  command: readonly [string, ...string[]],
  options: { readonly cwd: string; readonly env: Readonly<Record<string, string>> },
): Promise<string> {
  const { code, stdout, stderr } = await runProcess(command, options);
  if (code !== 0) throw new Error(`${command.join(' ')} ended with ${code}:\n${stderr}\n${stdout}`);
  return stdout;
}
