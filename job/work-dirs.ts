import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

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
  // A download that was let go, or a trainer that is just being killed, may still make a file: then it is tried again.
  for (const dir of [dirs.home, dirs.staging, dirs.checkpoints])
    await rm(dir, { recursive: true, force: true, maxRetries: 5 });
}
