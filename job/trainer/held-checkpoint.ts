import { link, mkdir, open, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { TransientError } from '../../lib/base/errors.ts';
import { readExactly } from '../../lib/base/read-exactly.ts';
import type { CheckpointSource } from '../../lib/checkpoint/source.ts';
import type { StagingMessage } from '../staged-checkpoint.ts';
import { type FoundCheckpoint, type FoundFile, lookOf } from './checkpoint-folder.ts';
import type { StagedSource } from './trainer.ts';

/** Hard links: the program may prune its own folder meanwhile, and nothing is copied. */
export async function holdCheckpoint(from: string, found: FoundCheckpoint, heldDir: string): Promise<void> {
  await rm(heldDir, { recursive: true, force: true });
  for (const { path } of found.files) {
    await mkdir(dirname(join(heldDir, path)), { recursive: true });
    await link(join(from, path), join(heldDir, path));
  }
}

/**
 * A complete checkpoint of a level 0 program, held by hard links. A link shares the bytes: a program that writes into them
 * after all would be uploaded torn, so that they are looked at again after the last byte was read.
 */
export class HeldCheckpoint implements StagedSource {
  readonly message: StagingMessage;
  readonly files: CheckpointSource['files'];
  readonly isComplete = true;
  readonly #dir: string;
  readonly #found: readonly FoundFile[];

  constructor(message: StagingMessage, dir: string, found: readonly FoundFile[]) {
    this.message = message;
    this.files = message.files;
    this.#dir = dir;
    this.#found = found;
  }

  get bytes(): number {
    return this.files.reduce((sum, file) => sum + file.bytes, 0);
  }

  wrote(): void {}
  staged(): void {}
  abandon(): void {}

  available(): Promise<void> {
    return Promise.resolve();
  }

  async complete(): Promise<void> {
    const now = await Promise.all(
      this.#found.map(async ({ path }) => {
        const { size, mtimeMs } = await stat(join(this.#dir, path));
        return { path, bytes: size, modifiedMs: mtimeMs };
      }),
    );
    if (lookOf(now) === lookOf(this.#found)) return;
    throw new TransientError('the program wrote into a checkpoint that looked complete.', {
      facts: { step: this.message.step },
      hint: 'Check how its checkpoints show that they are complete (--complete).',
    });
  }

  fileOf(path: string): string {
    return join(this.#dir, path);
  }

  async read(path: string, offset: number, length: number): Promise<Uint8Array> {
    const file = await open(join(this.#dir, path), 'r');
    try {
      const tooShort = (): Error =>
        new TransientError('a held checkpoint became shorter.', { facts: { path } });
      return await readExactly(file, { offset, length }, tooShort);
    } finally {
      await file.close();
    }
  }

  async close(): Promise<void> {
    await rm(this.#dir, { recursive: true, force: true });
  }
}
