import { mkdir, readdir, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { hasErrorCode, unlessMissing } from '../base/file-errors.ts';
import { isPidRunning } from '../store/process-identity.ts';

/** Memory below which slots go to disk: two slots of a small job. */
const sharedMemoryBytesMin = 256 * 1024 * 1024;

const sharedMemory = '/dev/shm';

/**
 * Where slots go: shared memory where there is room, else below the work folder. Named after the process, so that what a
 * killed worker left in memory is found and removed by the next one on the machine.
 */
export async function chooseStagingDir(workDir: string, pid: number = process.pid): Promise<string> {
  try {
    const { bavail, bsize } = await statfs(sharedMemory);
    if (bavail * bsize >= sharedMemoryBytesMin) {
      await removeStagingLeftovers();
      const dir = join(sharedMemory, `holdfast-${pid}`);
      await mkdir(dir, { recursive: true, mode: 0o700 });
      return dir;
    }
  } catch (error) {
    // No shared memory on this system (macOS, a locked-down container): disk serves, only slower.
    if (!hasErrorCode(error, ['ENOENT', 'EACCES', 'EPERM', 'EROFS'])) throw error;
  }
  return join(workDir, 'staging');
}

/** Removes what killed workers left in shared memory, those included that nobody has collected: a container may have no init. */
export async function removeStagingLeftovers(): Promise<void> {
  for (const name of (await unlessMissing(readdir(sharedMemory))) ?? []) {
    const pid = /^holdfast-(\d+)$/.exec(name)?.[1];
    if (pid !== undefined && !(await isPidRunning(Number(pid))))
      await rm(join(sharedMemory, name), { recursive: true, force: true });
  }
}
