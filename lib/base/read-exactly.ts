import type { FileHandle } from 'node:fs/promises';

/**
 * Exactly `length` bytes from `offset`: one read of the system may give fewer.
 * @throws what `tooShort` makes of the number of bytes that were there
 */
export async function readExactly(
  file: FileHandle,
  { offset, length }: { readonly offset: number; readonly length: number },
  tooShort: (found: number) => Error,
): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await file.read(bytes, filled, length - filled, offset + filled);
    if (bytesRead === 0) throw tooShort(filled);
    filled += bytesRead;
  }
  return bytes;
}
