import { createHash } from 'node:crypto';

/** SHA-256 in lower-case hexadecimal: 64 characters. */
export type Sha256 = string;

export function sha256Hex(bytes: Uint8Array | string): Sha256 {
  return createHash('sha256').update(bytes).digest('hex');
}

/** Digest of a file: SHA-256 over the hexadecimal digests of its chunks, in order. Hashing the bytes once is enough. */
export function digestOfChunks(chunkDigests: readonly Sha256[]): Sha256 {
  const hash = createHash('sha256');
  for (const digest of chunkDigests) hash.update(digest);
  return hash.digest('hex');
}
