import { CorruptionError } from '../base/errors.ts';
import type { Chunk } from '../contract/manifest.ts';
import { decodeChunk } from './codec/decode-chunk.ts';
import { type DownloadPorts, verifiedGet } from './verified-get.ts';

/**
 * The raw bytes of a chunk of a manifest, whatever its codec, of the length and digest that the manifest says. What does not
 * fit is fetched once more. The one way in which chunks are read. Memory: the stored bytes and at most twice the raw ones.
 * @throws DamagedObjectError when the object is missing or holds other bytes; TransientError and AccessDeniedError of the store
 */
export function readChunk(ports: DownloadPorts, chunk: Chunk, signal: AbortSignal): Promise<Uint8Array> {
  const { key, sha256 } = chunk;
  const decode = (stored: Uint8Array): Uint8Array => {
    if (stored.byteLength !== chunk.stored) {
      throw new CorruptionError(
        `it is ${stored.byteLength} bytes long, and its manifest says ${chunk.stored}.`,
      );
    }
    return decodeChunk(stored, chunk);
  };
  return verifiedGet(ports, { what: 'chunk', key, sha256, decode, signal });
}
