import { type Dirent, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** Memory pages of the kernels that Node runs on, but for some ARM machines, where this counts too little. */
const pageBytes = 4_096;

/** Resident bytes of a process, shared pages included; 0 for one that is gone. */
export function residentBytes(pid: number): number {
  const statm = readText(`/proc/${pid}/statm`);
  return statm === undefined ? 0 : Number(statm.split(' ')[1]) * pageBytes;
}

/** Processes that this one has started and that live, with theirs. */
export function descendants(pid: number = process.pid): readonly number[] {
  const threads = listed(`/proc/${pid}/task`);
  const children = threads.flatMap((thread) =>
    (readText(`/proc/${pid}/task/${thread.name}/children`) ?? '')
      .split(' ')
      .filter((one) => one.trim() !== ''),
  );
  return children.flatMap((child) => [Number(child), ...descendants(Number(child))]);
}

/** Bytes that the files of a folder take in memory or on disk, as far as they were ever written. */
export function allocatedBytes(folder: string): number {
  let bytes = 0;
  for (const entry of listed(folder)) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) bytes += allocatedBytes(path);
    else if (entry.isFile()) bytes += (statSync(path, { throwIfNoEntry: false })?.blocks ?? 0) * 512;
  }
  return bytes;
}

/** With their kinds: to ask for each would cost as much as all else, and this is done hundreds of times a second. */
function listed(folder: string): readonly Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    // Gone between two looks: it holds nothing.
    return [];
  }
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return undefined;
  }
}
