import { readdirSync, readFileSync } from 'node:fs';
import { instanceMark } from '../../local/process-tree.ts';

/** The parts of an instance that can die alone. */
export type Part = 'worker' | 'trainer';

/** What the command line of each holds. */
const marks: Readonly<Record<Part, RegExp>> = {
  worker: /worker-entry\.js/,
  trainer: /tfjs-host\.js|programs\/count-along\.js/,
};

/** Processes of one part of an instance. Only Linux shows whose a process is; elsewhere there are none. */
export function processesOf(instanceId: string, part: Part): readonly number[] {
  if (process.platform !== 'linux') return [];
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    const isOurs = read(name, 'environ').includes(`${instanceMark}=${instanceId}\0`);
    const command = isOurs ? read(name, 'cmdline').split('\0') : [];
    // The shell that is the machine's init has the worker's command line too.
    return command[0]?.endsWith('/node') === true && marks[part].test(command.join(' '))
      ? [Number(name)]
      : [];
  });
}

/** @returns whether anything was killed */
export function killPart(instanceId: string, part: Part): boolean {
  let killed = false;
  for (const pid of processesOf(instanceId, part)) {
    try {
      process.kill(pid, 'SIGKILL');
      killed = true;
    } catch (error) {
      // Gone by itself meanwhile.
      if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
    }
  }
  return killed;
}

function read(pid: string, file: 'environ' | 'cmdline'): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    // Ended between the listing and the look, or another user's.
    return '';
  }
}
