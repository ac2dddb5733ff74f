import { CorruptionError } from '../base/errors.ts';
import type { Chunk } from '../contract/manifest.ts';
import { decodeChunk } from './codec/decode-chunk.ts';
import { DamagedObjectError, type ReadPorts, verifiedGet } from './verified-get.ts';

/**
 * The raw bytes of a chunk of a manifest, whatever its codec, of the length and digest that the manifest says. What does not
 * fit is fetched once more. The one way in which chunks are read. Memory: the stored bytes and at most twice the raw ones.
 * @throws DamagedObjectError when the object is missing or holds other bytes; TransientError and AccessDeniedError of the store
 */
export async function readChunk(ports: ReadPorts, chunk: Chunk, signal: AbortSignal): Promise<Uint8Array> {
  const { key, sha256, codec, bytes, stored } = chunk;
  const decode = (found: Uint8Array): Uint8Array => {
    if (found.byteLength !== stored) {
      throw new CorruptionError(`it is ${found.byteLength} bytes long, its manifest says ${stored}`);
    }
    return decodeChunk(found, chunk);
  };
  const wanted = { what: 'chunk', key, sha256, signal, ...(codec !== 'none' && { decode }) };
  const raw = await verifiedGet(ports, wanted);
  if (raw.byteLength !== bytes) {
    throw new DamagedObjectError(`chunk has ${raw.byteLength} bytes, its manifest says ${bytes}.`, key);
  }
  return raw;
}
