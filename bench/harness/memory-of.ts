import { readdirSync, readFileSync, statSync } from 'node:fs';
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
    (readText(`/proc/${pid}/task/${thread}/children`) ?? '').split(' ').filter((one) => one.trim() !== ''),
  );
  return children.flatMap((child) => [Number(child), ...descendants(Number(child))]);
}

/** Bytes that the files of a folder take in memory or on disk, as far as they were ever written. */
export function allocatedBytes(folder: string): number {
  let bytes = 0;
  for (const path of listed(folder, true)) {
    const found = statSync(join(folder, path), { throwIfNoEntry: false });
    if (found?.isFile()) bytes += found.blocks * 512;
  }
  return bytes;
}

function listed(folder: string, recursive = false): readonly string[] {
  try {
    return readdirSync(folder, { recursive }).map(String);
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
