import { mkdir, open, readdir, stat, unlink } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { unlessMissing } from './file-errors.ts';

/** Writes a new file; its bytes are on the disk when this resolves, its name only after `syncFolder`. */
export async function writeNewFile(path: string, bytes: Uint8Array | string): Promise<void> {
  const file = await open(path, 'wx');
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Brings the bytes of a file to the disk. */
export async function syncFile(path: string): Promise<void> {
  const file = await open(path, 'r+');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Makes names created, moved or removed in a folder survive a power failure. A folder that is gone needs nothing. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await unlessMissing(open(folder, 'r'));
  if (handle === undefined) return;
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Creates a folder and those above it, durably. */
export async function makeFolder(folder: string): Promise<void> {
  const first = await mkdir(folder, { recursive: true });
  if (first === undefined) return;
  const below = relative(first, folder);
  let created = dirname(first);
  await syncFolder(created);
  for (const name of [relative(created, first), ...(below === '' ? [] : below.split(sep))]) {
    created = join(created, name);
    await syncFolder(created);
  }
}

/** Removes the files in `folder` that were last written before `before`: what killed writers left behind. */
export async function removeOldFiles(folder: string, before: Date): Promise<void> {
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    const facts = await unlessMissing(stat(path));
    if (facts !== undefined && facts.mtime < before) await unlessMissing(unlink(path));
  }
}
