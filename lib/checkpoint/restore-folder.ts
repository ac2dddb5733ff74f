import { constants } from 'node:fs';
import { mkdir, open, readdir, realpath, rm } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';
import { UnfitError } from '../base/errors.ts';

/** Writes into files of a folder that was opened for one checkpoint. Concurrent writes of different ranges are fine. */
export type WriteRange = (path: string, offset: number, bytes: Uint8Array) => Promise<void>;

/** A folder that takes the files of one checkpoint, and nothing outside it. */
export interface RestoreFolder {
  /** Makes the file, new and of its full length. */
  create(path: string, bytes: number): Promise<void>;
  /** Its path, links resolved. */
  readonly root: string;
  /** Writes into a file that was made before. */
  readonly write: WriteRange;
}

/**
 * Empties `dir` (made if missing) and opens it for one checkpoint. What lies in it goes: leftovers of a checkpoint that
 * turned out to be damaged must not mix with the next one.
 */
export async function openRestoreFolder(dir: string): Promise<RestoreFolder> {
  return await onDisk(dir, async () => {
    await mkdir(dir, { recursive: true });
    for (const child of await readdir(dir)) await rm(join(dir, child), { recursive: true, force: true });
    const root = await realpath(dir);
    return {
      root,
      create: (path, bytes) => onDisk(path, () => createFile(root, path, bytes)),
      write: writerInto(root),
    };
  });
}

/** Writes into files of a restore folder that were made already, by whoever opened it. `root`: its path, links resolved. */
export function writerInto(root: string): WriteRange {
  return (path, offset, bytes) => onDisk(path, () => writeRange(join(root, path), offset, bytes));
}

async function createFile(root: string, path: string, bytes: number): Promise<void> {
  const at = join(root, path);
  await mkdir(dirname(at), { recursive: true });
  // Paths were checked when the manifest was read; this looks at the disk itself: no link may lead out of the folder.
  const parent = await realpath(dirname(at));
  if (parent !== dirname(at) || !at.startsWith(root + sep)) {
    throw new UnfitError('a file of the checkpoint would be written outside the folder it is restored to.', {
      facts: { path, parent },
      hint: 'Remove the symbolic link from the work folder.',
    });
  }
  // `x`: whatever stands there already, a link above all, is refused and not followed.
  const handle = await open(at, 'wx');
  try {
    await handle.truncate(bytes);
  } finally {
    await handle.close();
  }
}

async function writeRange(at: string, offset: number, bytes: Uint8Array): Promise<void> {
  const handle = await open(at, constants.O_WRONLY | constants.O_NOFOLLOW);
  try {
    for (let written = 0; written < bytes.byteLength;) {
      const result = await handle.write(bytes, written, bytes.byteLength - written, offset + written);
      written += result.bytesWritten;
    }
  } finally {
    await handle.close();
  }
}

/** A full or broken disk is this machine's fault, not the checkpoint's. */
async function onDisk<Result>(path: string, act: () => Promise<Result>): Promise<Result> {
  try {
    return await act();
  } catch (cause) {
    if (!(cause instanceof Error && 'code' in cause && 'syscall' in cause)) throw cause;
    throw new UnfitError('this machine cannot write the restored checkpoint to its disk.', {
      facts: { path, code: String(cause.code) },
      hint: 'Give the worker a staging and a work folder with room for one checkpoint and the right to write there.',
      cause,
    });
  }
}
