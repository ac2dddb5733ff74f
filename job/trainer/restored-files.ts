import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { assert } from '../../lib/base/assert.ts';
import type { SavedFile } from '../../lib/training/state.ts';

/** Linux reads no more than this in one call. */
const readBytesMax = 1024 * 1024 * 1024;

/** The files of a checkpoint that the supervisor has brought and verified. Each is opened once, until `close`. */
export class RestoredFiles {
  readonly #dir: string;
  readonly #opened: number[] = [];

  constructor(dir: string) {
    this.#dir = dir;
  }

  open(path: string): SavedFile {
    const file = openSync(join(this.#dir, path), 'r');
    this.#opened.push(file);
    return {
      bytes: fstatSync(file).size,
      read(target, offset) {
        for (let done = 0; done < target.length;) {
          const bytes = readSync(
            file,
            target,
            done,
            Math.min(target.length - done, readBytesMax),
            offset + done,
          );
          assert(bytes > 0, 'what was verified is as long as it was', { path, offset: offset + done });
          done += bytes;
        }
      },
    };
  }

  close(): void {
    for (const file of this.#opened.splice(0)) closeSync(file);
  }
}
