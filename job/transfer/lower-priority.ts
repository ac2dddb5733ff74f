import { readlinkSync } from 'node:fs';
import { getPriority, setPriority } from 'node:os';

/**
 * Lowers the priority of the calling thread alone, for good: raising it again would take a privilege. Linux keeps a
 * priority for each thread; elsewhere, and where the system refuses, it simply stays.
 * @param niceness 1 to 19
 * @returns the thread's niceness from now on
 */
export function lowerPriority(niceness: number): number {
  if (process.platform !== 'linux') return getPriority();
  try {
    // The link is read by this very thread, so it names it: `<pid>/task/<tid>`.
    const thread = Number(/\d+$/.exec(readlinkSync('/proc/thread-self'))?.[0]);
    const lowered = Math.max(niceness, getPriority(thread));
    setPriority(thread, lowered);
    return lowered;
  } catch {
    // Priority is a courtesy to the training; what is sent does not depend on it.
    return getPriority();
  }
}
