import { execFile } from 'node:child_process';
import { readFile, readlink } from 'node:fs/promises';
import { hostname } from 'node:os';
import { promisify } from 'node:util';
import { hasErrorCode } from '../base/file-errors.ts';

/** Names one process for good: numbers of processes are used again, together with the start time they are not. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks since boot on Linux, otherwise what `ps` prints. */
  readonly startedAt: string;
  /** Machine, boot and process namespace: only a process that shares it can see whether this one runs. */
  readonly space: string;
}

export async function ownIdentity(): Promise<ProcessIdentity> {
  const [{ startedAt = 'unknown' } = {}, space] = await Promise.all([lookAt(process.pid), ownSpace()]);
  return { pid: process.pid, startedAt, space };
}

/** Whether a process of our own space still runs. A zombie, dead but not yet collected by its parent, does not. */
export async function isRunning({ pid, startedAt }: ProcessIdentity): Promise<boolean> {
  if (!isSignallable(pid)) return false;
  const found = await lookAt(pid);
  // Where nothing can be seen of a process that does exist, it counts as running: waiting is safe, breaking in is not.
  return found === undefined || (!found.isZombie && found.startedAt === startedAt);
}

/** Whether a process of our own space has this number now, and is no zombie. */
export async function isPidRunning(pid: number): Promise<boolean> {
  const found = await lookAt(pid);
  if (found !== undefined) return !found.isZombie;
  return isSignallable(pid);
}

async function ownSpace(): Promise<string> {
  const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => 'unknown');
  const namespace = await readlink('/proc/self/ns/pid').catch(() => 'unknown');
  return [hostname(), boot.trim(), namespace].join(' ');
}

/** False when there is no such process; another user's counts as one. */
function isSignallable(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return !hasErrorCode(error, ['ESRCH']);
  }
}

async function lookAt(
  pid: number,
): Promise<{ readonly isZombie: boolean; readonly startedAt: string } | undefined> {
  if (process.platform !== 'linux') return askPs(pid);
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  // Field 2 is the program's name in parentheses, which may hold spaces and parentheses itself (proc(5)).
  const fields = text?.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state, startedAt] = [fields?.[0], fields?.[19]];
  if (state === undefined || startedAt === undefined) return undefined;
  return { isZombie: state === 'Z' || state === 'X', startedAt };
}

/** Where there is no /proc. */
async function askPs(
  pid: number,
): Promise<{ readonly isZombie: boolean; readonly startedAt: string } | undefined> {
  const columns = ['-o', 'stat=', '-o', 'lstart=', '-p', String(pid)];
  const answer = await promisify(execFile)('ps', columns, { env: { ...process.env, LC_ALL: 'C' } }).catch(
    () => undefined,
  );
  const match = /^\s*(\S+)\s+(.+?)\s*$/.exec(answer?.stdout ?? '');
  if (match?.[1] === undefined || match[2] === undefined) return undefined;
  return { isZombie: match[1].startsWith('Z'), startedAt: match[2] };
}
