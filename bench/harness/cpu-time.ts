import { readFileSync } from 'node:fs';

/** CPU seconds of this process with all of its threads, since `since`. */
export function cpuSeconds(since: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(since);
  return (user + system) / 1e6;
}

/** The kernel counts in these on every Linux that Node runs on (`getconf CLK_TCK`). */
const ticksPerSecond = 100;

/**
 * CPU seconds of all children of this process that have ended and were waited for; undefined where the system does not
 * tell. Counted in ticks of 10 ms, so that a difference means something only over some tenths of a second.
 */
export function endedChildrenCpuSeconds(): number | undefined {
  try {
    return childTicks(readFileSync('/proc/self/stat', 'latin1')) / ticksPerSecond;
  } catch {
    return undefined;
  }
}

/** `cutime` and `cstime`, fields 16 and 17 of proc(5); the name of the command, field 2, may hold spaces. */
export function childTicks(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return Number(fields[13]) + Number(fields[14]);
}
