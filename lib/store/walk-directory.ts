import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { unlessMissing } from '../base/file-errors.ts';
import { decodeName, pathOfPrefix } from './key-paths.ts';
import { compareKeys } from './key-order.ts';

export interface FoundFile {
  readonly key: string;
  readonly path: string;
}

interface Child {
  /** Of a file: its key. Of a folder: what all keys below it begin with, the slash included. */
  readonly begins: string;
  readonly path: string;
  readonly isFolder: boolean;
}

/**
 * The keys below `root` that begin with `prefix` and come after `after`, in the order of their UTF-8 bytes. Folders that
 * can hold no such key are not opened, so that a page of a long history costs what it shows.
 */
export async function* walkDirectory(
  root: string,
  { prefix, after = '' }: { readonly prefix: string; readonly after?: string | undefined },
): AsyncGenerator<FoundFile> {
  const start = prefix.slice(0, prefix.lastIndexOf('/') + 1);
  const mayHold = ({ begins, isFolder }: Child): boolean =>
    isFolder
      ? (begins.startsWith(prefix) || prefix.startsWith(begins)) &&
        (compareKeys(begins, after) > 0 || after.startsWith(begins))
      : begins.startsWith(prefix) && compareKeys(begins, after) > 0;
  yield* below({ begins: start, path: pathOfPrefix(root, start), isFolder: true }, mayHold);
}

async function* below(folder: Child, mayHold: (child: Child) => boolean): AsyncGenerator<FoundFile> {
  const entries = (await unlessMissing(readdir(folder.path, { withFileTypes: true }))) ?? [];
  const children = entries.flatMap((entry): readonly Child[] => {
    const isFolder = entry.isDirectory();
    const name =
      isFolder || entry.isFile() ? decodeName(entry.name, isFolder ? 'folder' : 'file') : undefined;
    if (name === undefined) return [];
    const begins = `${folder.begins}${name}${isFolder ? '/' : ''}`;
    return [{ begins, path: join(folder.path, entry.name), isFolder }];
  });
  // With its slash, a folder's name sorts where its first key does: `n-a` before `n/b` before `n0`.
  const inOrder = children.filter(mayHold).toSorted((left, right) => compareKeys(left.begins, right.begins));
  for (const child of inOrder) {
    if (child.isFolder) yield* below(child, mayHold);
    else yield { key: child.begins, path: child.path };
  }
}
