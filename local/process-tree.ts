import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

interface ProcessEntry {
  readonly pid: number;
  readonly parentPid: number;
  /** Ended, but nobody has asked how: holds no memory, no file, and cannot be killed. */
  readonly isZombie: boolean;
}

/**
 * Kills a process with everything that descends from it, process groups of their own included: what pulling the plug of a
 * machine does to its processes. `leaderPid` leads a process group, whose members are killed even if their parents are gone.
 * Everything is stopped first, so that nothing can start a child that escapes between the look and the kill.
 */
export function killTree(leaderPid: number): readonly number[] {
  const stopped = new Set<number>([leaderPid]);
  send(-leaderPid, 'SIGSTOP');
  for (;;) {
    const found = descendantsOf(leaderPid).filter((pid) => !stopped.has(pid));
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
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      const stat = statOf(name);
      if (stat === undefined) return [];
      // The second field is the command in parentheses, which may hold spaces and parentheses itself.
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      const [state, parentPid] = fields;
      return [
        {
          pid: Number(name),
          parentPid: Number(parentPid),
          isZombie: state === 'Z' || state === 'X',
        },
      ];
    });
}

function statOf(pid: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    // Ended between the listing and the look.
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
