import { readFileSync } from 'node:fs';

/** Where the control group of this process keeps its account, in the second and in the first version. */
const accounts = ['/sys/fs/cgroup/memory.stat', '/sys/fs/cgroup/memory/memory.stat'] as const;

/**
 * Bytes that this process can still allocate before the machine or its control group runs out of memory. What a group
 * keeps of files on disk counts as available, since the kernel takes it back; files on tmpfs do not.
 */
export function availableMemory(): number {
  const free = process.availableMemory();
  const isLimited = process.constrainedMemory() > 0 && process.constrainedMemory() < Number.MAX_SAFE_INTEGER;
  return isLimited ? free + cachedFiles() : free;
}

function cachedFiles(): number {
  for (const path of accounts) {
    try {
      return cachedFilesIn(readFileSync(path, 'utf8'));
    } catch {
      // This version is not mounted here. Without an account nothing is added: that errs on the safe side.
    }
  }
  return 0;
}

/** Pages of files in an account, without those of tmpfs, which are listed as anonymous. */
export function cachedFilesIn(account: string): number {
  const counted = /^(?:total_)?(?:in)?active_file (\d+)$/gm;
  const values = new Map(
    [...account.matchAll(counted)].map(([line, bytes]) => [line.split(' ')[0], Number(bytes)]),
  );
  const of = (name: string): number => values.get(`total_${name}`) ?? values.get(name) ?? 0;
  return of('inactive_file') + of('active_file');
}
