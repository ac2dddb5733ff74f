import { HoldfastError } from '../../base/errors.ts';
import type { Codec } from '../../contract/manifest.ts';
import { type PlaneCodec, entropyCoders } from './entropy.ts';
import { type FrameHeader, headerBytes, readHeader, unsound } from './frame.ts';
import { mergePlanes, planeLengths, type Planes } from './planes.ts';

/**
 * The raw bytes of a chunk from its stored ones, which nobody has verified: only the digest of the result says whether
 * they were sound. With codec `none` that is `stored` itself. Never allocates more than twice `bytes`.
 * @throws CorruptionError when `stored` is no frame of `bytes` raw bytes
 */
export function decodeChunk(
  stored: Uint8Array,
  chunk: { readonly codec: Codec; readonly bytes: number },
): Uint8Array {
  const { codec, bytes } = chunk;
  if (codec === 'none') {
    if (stored.byteLength !== bytes) throw unsound(`is ${stored.byteLength} bytes long, not ${bytes}`);
    return stored;
  }
  const header = readHeader(stored, bytes);
  const { tail } = planeLengths(bytes);
  const whole = bytes - tail;
  const planes = readPlanes(stored, header, codec);
  const raw = new Uint8Array(bytes);
  mergePlanes(planes, raw.subarray(0, whole));
  raw.set(stored.subarray(stored.byteLength - tail), whole);
  return raw;
}

function readPlanes(stored: Uint8Array, header: FrameHeader, codec: PlaneCodec): Planes {
  const length = planeLengths(header.bytes).plane;
  let start = headerBytes;
  const next = (index: number): Uint8Array => {
    const { isCoded = false, stored: storedLength = 0 } = header.planes[index] ?? {};
    const bytes = stored.subarray(start, start + storedLength);
    start += storedLength;
    const plane = isCoded ? decompressed(bytes, { codec, length }) : bytes;
    return plane.byteOffset % 4 === 0 ? plane : plane.slice();
  };
  return [next(0), next(1), next(2), next(3)];
}

function decompressed(
  coded: Uint8Array,
  { codec, length }: { readonly codec: PlaneCodec; readonly length: number },
): Uint8Array {
  let plane: Uint8Array;
  try {
    plane = entropyCoders[codec].decompress(coded, length);
  } catch (cause) {
    if (cause instanceof HoldfastError) throw cause;
    throw unsound(`has a plane that ${codec} cannot read`, cause);
  }
  if (plane.byteLength !== length)
    throw unsound(`has a plane of ${plane.byteLength} bytes where ${length} belong`);
  return plane;
}
