import { mkdir, readdir, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoOf } from '../lib/base/file-errors.ts';

/** Local folders of one attempt. Only that claim adopts what lies there; the supervisor alone makes and removes them. */
export interface AttemptDirs {
  /** The checkpoint that was downloaded and verified. */
  readonly restored: string;
  /** `slot-0` and `slot-1`, written by the trainer. */
  readonly staging: string;
  /** Level 0: hard links to complete checkpoints. */
  readonly held: string;
  /** Level 0: where the program writes; the same path on every machine. */
  readonly checkpoints: string;
  /** Program, start file, downloaded inputs that are not cached. */
  readonly home: string;
}

/** Makes the folders of an attempt, emptied of whatever an earlier process left behind. */
export async function makeAttemptDirs(options: {
  readonly workDir: string;
  readonly stagingDir: string;
  readonly jobId: string;
  readonly claim: number;
}): Promise<AttemptDirs> {
  const { workDir, stagingDir, jobId, claim } = options;
  const job = join(workDir, jobId);
  const home = join(job, String(claim));
  const dirs: AttemptDirs = {
    home,
    restored: join(home, 'restored'),
    held: join(home, 'held'),
    staging: join(stagingDir, jobId, String(claim)),
    checkpoints: join(job, 'checkpoints'),
  };
  for (const dir of [home, dirs.staging, dirs.checkpoints]) await rm(dir, { recursive: true, force: true });
  for (const dir of [dirs.restored, dirs.held, dirs.staging, dirs.checkpoints])
    await mkdir(dir, { recursive: true });
  return dirs;
}

export async function removeAttemptDirs(dirs: AttemptDirs): Promise<void> {
  for (const dir of [dirs.home, dirs.staging, dirs.checkpoints])
    await rm(dir, { recursive: true, force: true });
}

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
      await removeLeftovers();
      const dir = join(sharedMemory, `holdfast-${pid}`);
      await mkdir(dir, { recursive: true, mode: 0o700 });
      return dir;
    }
  } catch (error) {
    // No shared memory on this system (macOS, a locked-down container): disk serves, only slower.
    if (!['ENOENT', 'EACCES', 'EPERM', 'EROFS'].includes(errnoOf(error) ?? '')) throw error;
  }
  return join(workDir, 'staging');
}

async function removeLeftovers(): Promise<void> {
  for (const name of await readdir(sharedMemory)) {
    const pid = /^holdfast-(\d+)$/.exec(name)?.[1];
    if (pid !== undefined && !isAlive(Number(pid)))
      await rm(join(sharedMemory, name), { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return ['EPERM'].includes(errnoOf(error) ?? '');
  }
}
