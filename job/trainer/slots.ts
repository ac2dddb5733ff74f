import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { messageOf, UnfitError } from '../../lib/base/errors.ts';
import { slotDir } from '../work-dirs.ts';

export interface SlotFile {
  readonly path: string;
  readonly bytes: number;
}

/**
 * free → writing → staged → free, or writing → abandoned → free. The trainer writes a slot that is free; only a
 * `release` of the supervisor frees it again, since it may still be reading.
 */
export type SlotState = 'free' | 'writing' | 'staged' | 'abandoned';

/** The supervisor needs a slot no more. */
export interface Release {
  readonly slot: number;
  readonly committed: boolean;
  /** From `staging` to the journal, where it was committed. */
  readonly flushMs?: number | undefined;
}

/** Codes of a file system that has no room. */
const noRoomCodes: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'EFBIG', 'ENOMEM']);

/**
 * A slot in memory takes as much of it as the state does. Up to this size that is little beside everything else; of a
 * larger state the held copy and one slot are enough, and an emergency takes the slot from a save that has hardly begun.
 */
const secondInMemoryMaxBytes = 256 * 1024 * 1024;

/** What `statfs` calls a tmpfs: TMPFS_MAGIC of linux/magic.h. */
const tmpfsType = 0x01021994;

/** Zeros are written in pieces of this size: large enough for full speed, small enough to be nothing in memory. */
const zeros = new Uint8Array(4 * 1024 * 1024);

/** One folder that a snapshot is written to, again and again. Its files are kept open and are never made shorter. */
export class Slot {
  readonly number: 0 | 1;
  readonly #dir: string;
  readonly #files = new Map<string, Promise<FileHandle>>();
  state: SlotState = 'free';

  constructor(number: 0 | 1, stagingDir: string) {
    this.number = number;
    this.#dir = slotDir(stagingDir, number);
  }

  /** The file for reading and writing, made when it is not there. */
  async file(path: string): Promise<FileHandle> {
    const opened = this.#files.get(path) ?? this.#open(path);
    this.#files.set(path, opened);
    return opened;
  }

  /** Makes sure of the room for these files by writing zeros beyond what is there. A file system may promise room and not have it. */
  async reserve(files: readonly SlotFile[]): Promise<void> {
    await mkdir(this.#dir, { recursive: true });
    for (const { path, bytes } of files) {
      const handle = await this.file(path);
      const { size } = await handle.stat();
      for (let at = size; at < bytes; at += zeros.length)
        await writeFully(handle, zeros.subarray(0, Math.min(zeros.length, bytes - at)), at);
    }
  }

  /**
   * Gives its room back; the folder stays, since trainers delete nothing. What cannot be emptied costs room that nobody
   * counts on.
   */
  async empty(): Promise<void> {
    await Promise.allSettled([...this.#files.values()].map(async (opened) => (await opened).truncate(0)));
  }

  async #open(path: string): Promise<FileHandle> {
    const full = join(this.#dir, path);
    await mkdir(dirname(full), { recursive: true });
    // Neither truncated nor exclusive: a slot is written over, and its pages are there already.
    return open(full, constants.O_RDWR | constants.O_CREAT, 0o600);
  }
}

/**
 * The slots of a trainer: two, so that one can be written while the other is sent; one where there is no room for two, or
 * where they would fill the memory of the machine.
 */
export class Slots {
  readonly #stagingDir: string;
  readonly #secondInMemoryMaxBytes: number;
  #slots: readonly Slot[];

  constructor(stagingDir: string, limits: { readonly secondInMemoryMaxBytes?: number } = {}) {
    this.#stagingDir = stagingDir;
    this.#secondInMemoryMaxBytes = limits.secondInMemoryMaxBytes ?? secondInMemoryMaxBytes;
    this.#slots = [new Slot(0, stagingDir), new Slot(1, stagingDir)];
  }

  get count(): number {
    return this.#slots.length;
  }

  free(): Slot | undefined {
    return this.#slots.find((slot) => slot.state === 'free');
  }

  get(number: number): Slot | undefined {
    return this.#slots.find((slot) => slot.number === number);
  }

  /**
   * Reserves room for a snapshot of these files in every slot that is free, and gives up the second where it costs too much.
   * @throws UnfitError when there is no room for even one, or the folder cannot be written
   */
  async reserve(files: readonly SlotFile[]): Promise<void> {
    const isOneEnough = await this.#isOneEnough(files);
    for (const slot of this.#slots) {
      if (slot.state !== 'free') continue;
      if (slot.number === 1 && isOneEnough) {
        await this.#giveUp(slot);
        continue;
      }
      try {
        await slot.reserve(files);
      } catch (error) {
        if (slot.number === 0 || !isNoRoom(error)) throw await this.#unfit(files, error);
        await this.#giveUp(slot);
      }
    }
  }

  async #giveUp(slot: Slot): Promise<void> {
    await slot.empty();
    this.#slots = this.#slots.filter((one) => one !== slot);
  }

  async #isOneEnough(files: readonly SlotFile[]): Promise<boolean> {
    if (bytesOf(files) <= this.#secondInMemoryMaxBytes) return false;
    // Where nobody can tell, it counts as a disk.
    return statfs(this.#stagingDir).then(
      ({ type }) => type === tmpfsType,
      () => false,
    );
  }

  async #unfit(files: readonly SlotFile[], cause: unknown): Promise<UnfitError> {
    if (!isNoRoom(cause)) {
      return new UnfitError(`checkpoints cannot be staged: ${messageOf(cause)}`, {
        facts: { dir: this.#stagingDir },
        hint: 'The staging folder must be writable for the worker.',
        cause,
      });
    }
    const room = await statfs(this.#stagingDir).then(
      ({ bavail, bsize }) => bavail * bsize,
      () => undefined,
    );
    return new UnfitError(`there is no room to stage a checkpoint: ${messageOf(cause)}.`, {
      facts: { dir: this.#stagingDir, neededBytes: bytesOf(files), availableBytes: room },
      hint: 'Give the worker a larger staging folder: one checkpoint must fit, two are better.',
      cause,
    });
  }
}

function bytesOf(files: readonly SlotFile[]): number {
  return files.reduce((sum, { bytes }) => sum + bytes, 0);
}

export function isNoRoom(error: unknown): boolean {
  return error instanceof Error && 'code' in error && noRoomCodes.has(String(error.code));
}

/** Writes all of it: a single write may be short. */
export async function writeFully(handle: FileHandle, bytes: Uint8Array, offset: number): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, offset + done);
    done += bytesWritten;
  }
}
