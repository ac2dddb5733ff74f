import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { UserProgramError } from '../base/errors.ts';
import { readExactly } from '../base/read-exactly.ts';

/** Files of one staged checkpoint, which may still be growing while they are read. */
export interface CheckpointSource {
  readonly files: readonly { readonly path: string; readonly bytes: number }[];
  /** Resolves when the first `upTo` bytes of the file are final; rejects when the checkpoint is abandoned. */
  available(path: string, upTo: number, signal: AbortSignal): Promise<void>;
  /** Exactly `length` bytes from `offset`, which `available` has announced. */
  read(path: string, offset: number, length: number): Promise<Uint8Array>;
  /** Where the bytes of a file lie on this machine, for readers that open it themselves; absent where there is no such file. */
  fileOf?(path: string): string;
  /** Resolves when everything is written and nothing will change; rejects when the checkpoint is abandoned. */
  complete(signal: AbortSignal): Promise<void>;
}

/**
 * A folder whose files are all written already. Lengths come from `files`, never from the disk: a preallocated file is
 * longer than its content.
 * @throws UserProgramError when a file is missing or shorter than announced
 */
export function folderSource(dir: string, files: CheckpointSource['files']): CheckpointSource {
  return {
    files,
    fileOf: (path) => join(dir, path),
    available: async () => {},
    read: async (path, offset, length) => {
      const handle = await openStaged(join(dir, path), path);
      try {
        const tooShort = shorterThanAnnounced(path, offset + length);
        return await readExactly(handle, { offset, length }, (found) => tooShort(offset + found));
      } finally {
        await handle.close();
      }
    },
    complete: async () => {},
  };
}

async function openStaged(at: string, path: string): Promise<FileHandle> {
  try {
    return await open(at, 'r');
  } catch (cause) {
    throw new UserProgramError('a file of the checkpoint that is being saved cannot be read.', {
      facts: { path },
      hint: 'A program must not remove or rename files of a checkpoint that it has declared complete.',
      cause,
    });
  }
}

function shorterThanAnnounced(path: string, wanted: number): (found: number) => Error {
  return (found) =>
    new UserProgramError('a file of the checkpoint that is being saved is shorter than announced.', {
      facts: { path, wanted, found },
      hint: 'A program must not change files of a checkpoint that it has declared complete.',
    });
}
