import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { JobSpec } from '../lib/contract/job-spec.ts';

/** One of the two folders that a trainer writes snapshots to. */
export function slotDir(stagingDir: string, slot: number): string {
  return join(stagingDir, `slot-${slot}`);
}

/** Local folders of one attempt. Only that claim adopts what lies there; the supervisor alone makes and removes them. */
export interface AttemptDirs {
  /** The checkpoint that was downloaded and verified. Of the TensorFlow.js host it is a slot: its memory is written again by the first save. */
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

export interface AttemptPlace {
  readonly workDir: string;
  readonly stagingDir: string;
  readonly jobId: string;
  readonly claim: number;
  readonly program: Pick<JobSpec['program'], 'kind'>;
}

/** Who makes and removes the folders of attempts. */
export interface AttemptFolders {
  make(place: AttemptPlace): Promise<AttemptDirs>;
  remove(dirs: AttemptDirs): Promise<void>;
}

/** Where the folders of an attempt lie. */
export function attemptDirsOf(place: AttemptPlace): AttemptDirs {
  const { workDir, stagingDir, jobId, claim, program } = place;
  const job = join(workDir, jobId);
  const home = join(job, String(claim));
  const staging = join(stagingDir, jobId, String(claim));
  return {
    home,
    // What a command is given is linked into `checkpoints`, so that both lie on one file system.
    restored: program.kind === 'training' ? slotDir(staging, 0) : join(home, 'restored'),
    held: join(home, 'held'),
    staging,
    checkpoints: join(job, 'checkpoints'),
  };
}

/** Makes the folders of an attempt, emptied of whatever an earlier process left behind. */
export async function makeAttemptDirs(place: AttemptPlace): Promise<AttemptDirs> {
  const dirs = attemptDirsOf(place);
  for (const dir of [dirs.home, dirs.staging, dirs.checkpoints])
    await rm(dir, { recursive: true, force: true });
  for (const dir of [dirs.held, dirs.staging, dirs.restored, dirs.checkpoints])
    await mkdir(dir, { recursive: true });
  return dirs;
}

export async function removeAttemptDirs(dirs: AttemptDirs): Promise<void> {
  // A download that was let go, or a trainer that is just being killed, may still make a file: then it is tried again.
  for (const dir of [dirs.home, dirs.staging, dirs.checkpoints])
    await rm(dir, { recursive: true, force: true, maxRetries: 5 });
}

/** On this machine's disks. */
export const diskFolders: AttemptFolders = { make: makeAttemptDirs, remove: removeAttemptDirs };
