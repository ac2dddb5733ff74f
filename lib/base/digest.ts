import { createHash } from 'node:crypto';
import { setImmediate as yieldToEvents } from 'node:timers/promises';

/** SHA-256 in lower-case hexadecimal: 64 characters. */
export type Sha256 = string;

export function sha256Hex(bytes: Uint8Array | string): Sha256 {
  return createHash('sha256').update(bytes).digest('hex');
}

/**
 * Hashed without a pause: 0.3 ms. A socket's own buffers would keep a fast line busy for longer, but a request is several
 * turns of the event loop on its way to the socket, and the first one has the line waiting.
 */
const sliceBytes = 512 * 1024;
/** Ends when the large hashes so far have ended; never rejects. */
let lastHash: Promise<unknown> = Promise.resolve();

/**
 * As `sha256Hex`, for bytes that stay as they are meanwhile: sockets are served between slices. Of several at once the
 * first is finished first, so that its bytes are on the line while the next is hashed, and chunks do not move in step.
 */
export async function sha256InSlices(bytes: Uint8Array): Promise<Sha256> {
  if (bytes.byteLength <= sliceBytes) return sha256Hex(bytes);
  const hashing = lastHash.then(() => hashSlices(bytes));
  lastHash = hashing.catch(() => undefined);
  return hashing;
}

async function hashSlices(bytes: Uint8Array): Promise<Sha256> {
  const hash = createHash('sha256');
  for (let at = 0; at < bytes.byteLength; at += sliceBytes) {
    hash.update(bytes.subarray(at, at + sliceBytes));
    await yieldToEvents();
  }
  return hash.digest('hex');
}

/** Digest of a file: SHA-256 over the hexadecimal digests of its chunks, in order. Hashing the bytes once is enough. */
export function digestOfChunks(chunkDigests: readonly Sha256[]): Sha256 {
  const hash = createHash('sha256');
  for (const digest of chunkDigests) hash.update(digest);
  return hash.digest('hex');
}
