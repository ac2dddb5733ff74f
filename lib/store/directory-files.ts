import { constants } from 'node:fs';
import { copyFile, link, open, rename, rmdir, stat, unlink, utimes } from 'node:fs/promises';
import { dirname, join, sep } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { makeFolder, syncFile, syncFolder, writeNewFile } from '../base/durable-files.ts';
import { hasErrorCode, isMissing, unlessMissing } from '../base/file-errors.ts';
import type { Random } from '../base/random.ts';

/** Deletes remove empty folders, so a writer may have to make its folder again: once for every delete that crosses it. */
const placeTriesMax = 100;

/** What a file's status says about its object. */
export interface FileVersion {
  readonly etag: string;
  readonly bytes: number;
  readonly lastModified: Date;
  readonly modifiedNs: bigint;
}

/** A complete file that no key names yet. */
export interface StagedFile {
  readonly path: string;
  readonly version: FileVersion;
}

export interface DirectoryFilesOptions {
  readonly root: string;
  /** On the same file system as `root`, so that links and renames work. */
  readonly temporary: string;
  readonly clock: Clock;
  readonly random: Random;
}

/**
 * The file operations of a directory store. An object is replaced by renaming a new file over it, never written in place,
 * so its version can be read off the file's status: inode, size, and a modification time in microseconds of which the
 * digits below the millisecond are ours. They are drawn by lot and always later than those of the file replaced, since
 * an inode number may be used again at once and the clock of a file system ticks in milliseconds.
 */
export class DirectoryFiles {
  readonly #options: DirectoryFilesOptions;
  #lastStampUs = 0;

  constructor(options: DirectoryFilesOptions) {
    this.#options = options;
  }

  async stage(body: Uint8Array): Promise<StagedFile> {
    const { temporary, random } = this.#options;
    const path = join(temporary, random.hex(16));
    await writeNewFile(path, body);
    return this.#stamp(path, this.#nowUs());
  }

  /**
   * A complete copy of another file, by the file system itself where it can clone; undefined when there is no such file.
   * Never a second link: that would share inode and stamp with the source, so that both would have one version, and one
   * bad block would damage both.
   */
  async stageCopy(source: string): Promise<StagedFile | undefined> {
    const { temporary, random } = this.#options;
    const path = join(temporary, random.hex(16));
    const flags = constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE;
    try {
      await copyFile(source, path, flags);
    } catch (error) {
      if (isMissing(error) && (await this.versionOf(source)) === undefined) return undefined;
      throw error;
    }
    await syncFile(path);
    return this.#stamp(path, this.#nowUs());
  }

  /** The staged file with a stamp later than that of the file it will replace. */
  async outdate(staged: StagedFile, current: FileVersion | undefined): Promise<StagedFile> {
    if (current === undefined || staged.version.modifiedNs > current.modifiedNs) return staged;
    return this.#stamp(staged.path, Number(current.modifiedNs / 1_000n) + 2);
  }

  /** Removes a staged file that was not placed. */
  async discard({ path }: StagedFile): Promise<void> {
    await unlessMissing(unlink(path));
  }

  async createAt(path: string, staged: StagedFile): Promise<'created' | 'exists'> {
    try {
      await this.#place(path, async () => link(staged.path, path));
    } catch (error) {
      if (hasErrorCode(error, ['EEXIST'])) return 'exists';
      throw error;
    } finally {
      await this.discard(staged);
    }
    return 'created';
  }

  async replaceAt(path: string, staged: StagedFile): Promise<void> {
    await this.#place(path, async () => rename(staged.path, path));
  }

  async versionOf(path: string): Promise<FileVersion | undefined> {
    const facts = await unlessMissing(stat(path, { bigint: true }));
    return facts === undefined ? undefined : versionFrom(facts);
  }

  /** Body and version of one and the same file, whatever is renamed over it meanwhile. */
  async read(
    path: string,
  ): Promise<{ readonly body: Uint8Array; readonly version: FileVersion } | undefined> {
    const file = await unlessMissing(open(path, 'r'));
    if (file === undefined) return undefined;
    try {
      const version = versionFrom(await file.stat({ bigint: true }));
      const bytes = await file.readFile();
      return { body: new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength), version };
    } finally {
      await file.close();
    }
  }

  async remove(path: string): Promise<void> {
    await unlessMissing(unlink(path));
  }

  /** After deletions in `folder`: makes them durable, and removes it and those above it that are empty now. */
  async tidy(folder: string): Promise<void> {
    await syncFolder(folder);
    for (let path = folder; path.startsWith(this.#options.root + sep); path = dirname(path)) {
      try {
        await rmdir(path);
      } catch (error) {
        if (hasErrorCode(error, ['ENOTEMPTY', 'EEXIST', 'EBUSY'])) return;
        if (!isMissing(error)) throw error;
      }
    }
  }

  async #place(path: string, move: () => Promise<void>): Promise<void> {
    const folder = dirname(path);
    for (let tries = 1; ; tries++) {
      try {
        await move();
        break;
      } catch (error) {
        if (!hasErrorCode(error, ['ENOENT']) || tries === placeTriesMax) throw error;
      }
      await makeFolder(folder).catch((error: unknown) => {
        // A delete took away a folder that this one had just made the next one in.
        if (!isMissing(error)) throw error;
      });
    }
    await syncFolder(folder);
  }

  /** Now, with digits below the millisecond drawn by lot. */
  #nowUs(): number {
    const { clock, random } = this.#options;
    return clock.now().getTime() * 1_000 + Math.floor(random.next() * 1_000);
  }

  async #stamp(path: string, atLeastUs: number): Promise<StagedFile> {
    this.#lastStampUs = Math.max(atLeastUs, this.#lastStampUs + 2);
    const seconds = this.#lastStampUs / 1_000_000;
    await utimes(path, seconds, seconds);
    return { path, version: versionFrom(await stat(path, { bigint: true })) };
  }
}

function versionFrom(facts: {
  readonly ino: bigint;
  readonly size: bigint;
  readonly mtimeNs: bigint;
}): FileVersion {
  const { ino, size, mtimeNs } = facts;
  return {
    etag: [ino, mtimeNs, size].map((part) => part.toString(36)).join('-'),
    bytes: Number(size),
    lastModified: new Date(Number(mtimeNs / 1_000_000n)),
    modifiedNs: mtimeNs,
  };
}
