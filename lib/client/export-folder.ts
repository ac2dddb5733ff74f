import { mkdir, open, readdir, rename, rm, rmdir, stat } from 'node:fs/promises';
import { basename, dirname, join, relative, sep } from 'node:path';
import { sha256Hex } from '../base/digest.ts';
import { syncFolder } from '../base/durable-files.ts';
import { ConflictError, UnfitError } from '../base/errors.ts';
import { hasErrorCode, unlessMissing } from '../base/file-errors.ts';
import type { Random } from '../base/random.ts';
import { readExactly } from '../base/read-exactly.ts';
import { defaultLanes, inLanes } from '../checkpoint/lanes.ts';

/** A file that is to be written, in pieces of a few MiB: none has to fit into memory whole. */
export interface ExportFile {
  /** Relative, with forward slashes; never leads out of the folder. */
  readonly path: string;
  readonly bytes: number;
  /** Follow each other without gaps. */
  readonly pieces: readonly ExportPiece[];
}

export interface ExportPiece {
  readonly bytes: number;
  read(signal: AbortSignal): Promise<Uint8Array>;
}

export interface WriteExportOptions {
  /** Not there yet, or empty. */
  readonly dir: string;
  readonly files: readonly ExportFile[];
  readonly random: Random;
  readonly signal: AbortSignal;
  readonly onProgress?: ((done: { readonly bytes: number; readonly of: number }) => void) | undefined;
}

/**
 * Writes a folder, all of it or nothing: beside its place first, read back and compared, and put into its place by one
 * rename at the end. Only a process that is killed leaves `.<name>.<nonce>.partial` behind.
 * @throws ConflictError when there is something at `dir`; UnfitError when the disk does not take it; what a piece throws
 */
export async function writeExport(options: WriteExportOptions): Promise<void> {
  const { dir, files, random, signal } = options;
  const parent = dirname(dir);
  const partial = join(parent, `.${basename(dir)}.${random.hex(6)}.partial`);
  await refuseIfTaken(dir);
  const first = await onDisk(dir, () => mkdir(parent, { recursive: true }));
  let isDone = false;
  try {
    await onDisk(dir, () => mkdir(partial));
    const progress = progressOf(options);
    for (const file of files) {
      const digests = await writeFile(partial, { file, signal, progress });
      await readBack(partial, { file, digests, signal });
    }
    signal.throwIfAborted();
    await moveInPlace(partial, dir);
    isDone = true;
    await onDisk(dir, () => syncFolder(parent));
  } finally {
    if (!isDone) {
      await rm(partial, { recursive: true, force: true });
      if (first !== undefined) await removeEmpty(parent, first);
    }
  }
}

async function refuseIfTaken(dir: string): Promise<void> {
  const facts = await onDisk(dir, () => unlessMissing(stat(dir)));
  if (facts === undefined) return;
  const isEmpty = facts.isDirectory() && (await onDisk(dir, () => readdir(dir))).length === 0;
  if (!isEmpty) throw taken(dir);
}

function taken(dir: string): ConflictError {
  return new ConflictError('there is something in this place already.', {
    facts: { folder: dir },
    hint: 'Nothing was written. Name a folder that is not there yet, or an empty one.',
  });
}

/** The disk is told about the bytes of each file before the name of the folder shows them to anybody. */
async function writeFile(
  root: string,
  {
    file,
    signal,
    progress,
  }: { readonly file: ExportFile; readonly signal: AbortSignal; readonly progress: (bytes: number) => void },
): Promise<readonly string[]> {
  const path = join(root, file.path);
  await onDisk(path, () => mkdir(dirname(path), { recursive: true }));
  const handle = await onDisk(path, () => open(path, 'wx'));
  try {
    const digests = await inLanes({ lanes: defaultLanes, signal }, (lanes) => {
      let offset = 0;
      return Promise.all(
        file.pieces.map((piece) => {
          const at = offset;
          offset += piece.bytes;
          return lanes.run(async () => {
            const bytes = await piece.read(lanes.signal);
            const digest = sha256Hex(bytes);
            await onDisk(path, () => writeAll(handle, bytes, at));
            progress(bytes.byteLength);
            return digest;
          });
        }),
      );
    });
    await onDisk(path, () => handle.sync());
    return digests;
  } finally {
    await handle.close();
  }
}

type Handle = Awaited<ReturnType<typeof open>>;

/** One write of the system may take fewer bytes than it is given. */
async function writeAll(handle: Handle, bytes: Uint8Array, offset: number): Promise<void> {
  for (let written = 0; written < bytes.byteLength;) {
    const rest = bytes.byteLength - written;
    written += (await handle.write(bytes, written, rest, offset + written)).bytesWritten;
  }
}

async function readBack(
  root: string,
  {
    file,
    digests,
    signal,
  }: { readonly file: ExportFile; readonly digests: readonly string[]; readonly signal: AbortSignal },
): Promise<void> {
  const path = join(root, file.path);
  const handle = await onDisk(path, () => open(path, 'r'));
  const misfit = (): UnfitError =>
    new UnfitError('the disk does not hold what was written to it.', {
      facts: { path: file.path },
      hint: 'Nothing was left there. Export to another disk.',
    });
  try {
    const { size } = await onDisk(path, () => handle.stat());
    if (size !== file.bytes) throw misfit();
    let offset = 0;
    for (const [index, { bytes: length }] of file.pieces.entries()) {
      signal.throwIfAborted();
      const at = offset;
      const bytes = await onDisk(path, () => readExactly(handle, { offset: at, length }, misfit));
      if (sha256Hex(bytes) !== digests[index]) throw misfit();
      offset += length;
    }
  } finally {
    await handle.close();
  }
}

/** A rename takes the place of an empty folder, and of nothing else. */
async function moveInPlace(partial: string, dir: string): Promise<void> {
  try {
    await rename(partial, dir);
  } catch (error) {
    if (hasErrorCode(error, ['ENOTEMPTY', 'EEXIST', 'ENOTDIR'])) throw taken(dir);
    throw unfit(dir, error);
  }
}

/** Takes away the folders from `folder` up to `first`, which were made for this; others may have put something there since. */
async function removeEmpty(folder: string, first: string): Promise<void> {
  const names = relative(dirname(first), folder).split(sep);
  for (let depth = names.length; depth > 0; depth--) {
    try {
      await rmdir(join(dirname(first), ...names.slice(0, depth)));
    } catch (error) {
      if (hasErrorCode(error, ['ENOTEMPTY', 'EEXIST', 'ENOENT'])) return;
      throw error;
    }
  }
}

function progressOf({ files, onProgress }: WriteExportOptions): (bytes: number) => void {
  const of = files.reduce((sum, { bytes }) => sum + bytes, 0);
  let done = 0;
  return (bytes) => {
    done += bytes;
    onProgress?.({ bytes: done, of });
  };
}

async function onDisk<Result>(path: string, act: () => Promise<Result>): Promise<Result> {
  try {
    return await act();
  } catch (error) {
    throw error instanceof Error && 'syscall' in error ? unfit(path, error) : error;
  }
}

function unfit(path: string, cause: unknown): UnfitError {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : undefined;
  return new UnfitError('this machine cannot write the export to its disk.', {
    facts: { path, code },
    hint: 'Nothing was left there. Name a folder on a disk with room for it, where you may write.',
    cause,
  });
}
