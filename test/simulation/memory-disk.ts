import { type ChunkReceiver } from '../../lib/checkpoint/chunk-receiver.ts';
import { readChunk } from '../../lib/checkpoint/read-chunk.ts';
import type { RestoreFolder } from '../../lib/checkpoint/restore-folder.ts';
import type { ReadPorts } from '../../lib/checkpoint/verified-get.ts';
import { type AttemptFolders, attemptDirsOf } from '../../job/work-dirs.ts';
import { inProcessTransfer, type Transfer } from '../../job/transfer/transfer.ts';

/** A machine's disk in memory, so that no history depends on how fast the real one is. */
export class MemoryDisk {
  readonly #folders = new Map<string, Map<string, Uint8Array>>();

  readonly folders: AttemptFolders = {
    make: async (place) => {
      const dirs = attemptDirsOf(place);
      this.#folders.delete(dirs.restored);
      return dirs;
    },
    remove: async (dirs) => void this.#folders.delete(dirs.restored),
  };

  files(dir: string): ReadonlyMap<string, Uint8Array> {
    return this.#folders.get(dir) ?? new Map<string, Uint8Array>();
  }

  /** Restores into this disk by the machine's own way to the store. */
  transfer(ports: ReadPorts): Transfer {
    return { ...inProcessTransfer, receiverFor: () => this.#receiver(ports) };
  }

  #receiver(ports: ReadPorts): ChunkReceiver {
    return {
      lanes: 4,
      openFolder: async (dir) => this.#open(dir),
      receive: async ({ chunk, places, root, signal }) => {
        const bytes = await readChunk(ports, chunk, signal);
        const folder = this.#folders.get(root);
        for (const { path, offset } of places) folder?.get(path)?.set(bytes, offset);
      },
    };
  }

  #open(dir: string): RestoreFolder {
    const folder = new Map<string, Uint8Array>();
    this.#folders.set(dir, folder);
    return {
      root: dir,
      create: async (path, bytes) => void folder.set(path, new Uint8Array(bytes)),
      write: async (path, offset, bytes) => folder.get(path)?.set(bytes, offset),
    };
  }
}
