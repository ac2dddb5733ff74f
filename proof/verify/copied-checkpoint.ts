import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { sha256Hex } from '../../lib/base/digest.ts';
import type { StagedSource } from '../../job/trainer/trainer.ts';

/** A checkpoint that a trainer has staged, as files of their own, as a store would keep them. */
export interface CopiedCheckpoint {
  readonly dir: string;
  readonly step: number;
  /** SHA-256 of each file by its path. */
  readonly digests: Readonly<Record<string, string>>;
}

/** Copies what lies in a slot. Lengths are the announced ones: a slot may hold older bytes beyond. */
export async function copyStaged(source: StagedSource, dir: string): Promise<CopiedCheckpoint> {
  const { message, files } = source;
  const digests: Record<string, string> = {};
  for (const { path, bytes } of files) {
    const content = await source.read(path, 0, bytes);
    const target = join(dir, path);
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, content);
    digests[path] = sha256Hex(content);
  }
  return { dir, step: message.step, digests };
}

/** Puts it where a trainer will look for it. */
export async function layOut({ dir, digests }: CopiedCheckpoint, to: string): Promise<void> {
  for (const path of Object.keys(digests)) {
    const target = join(to, path);
    await mkdir(dirname(target), { recursive: true });
    await copyFile(join(dir, path), target);
  }
}

/** One digest over all files: their paths and digests in order of path. */
export function digestOf({ digests }: CopiedCheckpoint): string {
  const lines = Object.entries(digests).map(([path, digest]) => `${digest}  ${path}\n`);
  return sha256Hex(lines.toSorted().join(''));
}
