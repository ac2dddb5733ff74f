import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { UnfitError } from '../lib/base/errors.ts';

interface ProcessEntry {
  readonly pid: number;
  readonly parentPid: number;
  /** Ended, but nobody has asked how: holds no memory, no file, and cannot be killed. */
  readonly isZombie: boolean;
}

/** Set for every process of an instance, and inherited: finds those whose parents are gone and who left the group. */
export const instanceMark = 'HOLDFAST_INSTANCE';

/**
 * Kills all processes of an instance: what pulling the plug of a machine does. These are the process group of `leaderPid`,
 * all that descends from the leader, and, where the system shows the environment of processes (Linux), all that carry the
 * mark of the instance. Everything is stopped first, so that nothing can start a child that escapes between look and kill.
 */
export function killInstance(leaderPid: number, instanceId: string): readonly number[] {
  const stopped = new Set<number>([leaderPid]);
  send(-leaderPid, 'SIGSTOP');
  for (;;) {
    const members = [...descendantsOf(leaderPid), ...markedWith(instanceId)];
    const found = members.filter((pid) => !stopped.has(pid));
    if (found.length === 0) break;
    for (const pid of found) {
      stopped.add(pid);
      send(pid, 'SIGSTOP');
    }
  }
  send(-leaderPid, 'SIGKILL');
  for (const pid of stopped) send(pid, 'SIGKILL');
  return [...stopped];
}

/**
 * Stops all processes that carry the mark of an instance. The init process of its machine and the guard of that carry none:
 * a frozen machine dies with the region as any other.
 * @throws UnfitError where the system does not show the environment of processes
 */
export function freezeInstance(instanceId: string): void {
  const stopped = new Set<number>();
  for (;;) {
    const found = marked(instanceId).filter((pid) => !stopped.has(pid));
    if (found.length === 0) return;
    for (const pid of found) {
      stopped.add(pid);
      send(pid, 'SIGSTOP');
    }
  }
}

export function thawInstance(instanceId: string): void {
  for (const pid of marked(instanceId)) send(pid, 'SIGCONT');
}

function marked(instanceId: string): readonly number[] {
  if (process.platform !== 'linux') throw new UnfitError('freezing a local instance needs Linux.');
  return markedWith(instanceId);
}

/** Those of the processes that can still do something. */
export function stillRunning(pids: readonly number[]): readonly number[] {
  const running = new Set(processTable().flatMap(({ pid, isZombie }) => (isZombie ? [] : [pid])));
  return pids.filter((pid) => running.has(pid));
}

function descendantsOf(pid: number): readonly number[] {
  const table = processTable();
  const found = new Set<number>([pid]);
  // A set is walked in the order of insertion, also over what is added on the way: children come after their parents.
  for (const ancestor of found) {
    for (const entry of table) if (entry.parentPid === ancestor) found.add(entry.pid);
  }
  found.delete(pid);
  return [...found];
}

function markedWith(instanceId: string): readonly number[] {
  if (process.platform !== 'linux') return [];
  const mark = `${instanceMark}=${instanceId}\0`;
  return pidsInProc().filter((pid) => readProc(pid, 'environ')?.includes(mark) ?? false);
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    // Gone already: that is what was wanted.
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

function processTable(): readonly ProcessEntry[] {
  return process.platform === 'linux' ? tableFromProc() : tableFromPs();
}

function tableFromProc(): readonly ProcessEntry[] {
  return pidsInProc().flatMap((pid) => {
    const stat = readProc(pid, 'stat');
    if (stat === undefined) return [];
    // The second field is the command in parentheses, which may hold spaces and parentheses itself (proc(5)).
    const [state, parentPid] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return [{ pid, parentPid: Number(parentPid), isZombie: state === 'Z' || state === 'X' }];
  });
}

function pidsInProc(): readonly number[] {
  return readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) ? [Number(name)] : []));
}

function readProc(pid: number, file: 'stat' | 'environ'): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    // Ended between the listing and the look, or another user's.
    return undefined;
  }
}

function tableFromPs(): readonly ProcessEntry[] {
  const { stdout } = spawnSync('ps', ['-A', '-o', 'pid=,ppid=,state='], { encoding: 'utf8' });
  return stdout
    .split('\n')
    .map((line) => /^\s*(\d+)\s+(\d+)\s+(\S+)/.exec(line))
    .flatMap((match) => {
      if (match === null) return [];
      const [, pid, parentPid, state = ''] = match;
      return [
        {
          pid: Number(pid),
          parentPid: Number(parentPid),
          isZombie: state.startsWith('Z'),
        },
      ];
    });
}
