import zlib from 'node:zlib';
import { decompress as decompressInJavaScript } from 'fzstd';
import type { Codec } from '../../contract/manifest.ts';
import { checkZstdFrame } from './zstd-frame.ts';

export type PlaneCodec = Exclude<Codec, 'none'>;

export interface EntropyCoder {
  /** Undefined where this Node.js can read the codec, but not write it. `bits` is the entropy of a byte, roughly. */
  readonly compress: ((plane: Uint8Array, bits: number) => Uint8Array) | undefined;
  /**
   * Allocates for `bytes` bytes of output at most, whatever `coded` is, which nobody has verified. Where it is not what
   * `compress` made, this throws anything, or gives other bytes or fewer.
   */
  readonly decompress: (coded: Uint8Array, bytes: number) => Uint8Array;
}

/** Buffers of zlib have this size at least. */
const chunkSizeMin = 64;

/** Below this, most bytes repeat the one before: Huffman codes, of one bit at least, would leave much behind. */
const bitsOfRuns = 1;

/**
 * Bytes of a plane have no order in which a search for matches would find any, so their frequencies alone are coded: four
 * times as fast as level 1, and smaller. Planes of zeros, and such, are runs; finding runs costs half of the speed.
 */
const planesZlib: EntropyCoder = {
  compress: (plane, bits) =>
    zlib.deflateRawSync(plane, {
      level: 1,
      strategy: bits < bitsOfRuns ? zlib.constants.Z_RLE : zlib.constants.Z_HUFFMAN_ONLY,
      memLevel: 9,
      chunkSize: Math.max(chunkSizeMin, plane.byteLength),
    }),
  decompress: (coded, bytes) =>
    zlib.inflateRawSync(coded, { maxOutputLength: bytes, chunkSize: Math.max(chunkSizeMin, bytes) }),
};

/** `zstdCompressSync` and `zstdDecompressSync`, which node:zlib has from 22.15 and 23.8 on. */
type ZstdFunction = (
  bytes: Uint8Array,
  options: { readonly params?: object; readonly chunkSize: number; readonly maxOutputLength?: number },
) => Uint8Array;

function isFunction(value: unknown): value is ZstdFunction {
  return typeof value === 'function';
}

function zstdFunction(name: string): ZstdFunction | undefined {
  const found: unknown = Reflect.get(zlib, name);
  return isFunction(found) ? found : undefined;
}

/**
 * Level 1 with a table of 64 places for matches of 7 bytes or more: it finds runs and next to nothing else, so that almost
 * all is left to the Huffman coder. Three times as fast as plain level 1 on planes, and smaller. The numbers are zstd's own
 * (`ZSTD_cParameter`), which never change.
 */
const zstdParams = {
  100: 1, // compressionLevel
  101: 17, // windowLog: one block, 128 KiB
  102: 6, // hashLog, the smallest there is
  105: 7, // minMatch, the longest there is
  107: 1, // strategy: fast
} as const;

const zstdCompress = zstdFunction('zstdCompressSync');
const zstdDecompress = zstdFunction('zstdDecompressSync');

const planesZstd: EntropyCoder = {
  compress:
    zstdCompress === undefined
      ? undefined
      : (plane) =>
          zstdCompress(plane, {
            params: zstdParams,
            chunkSize: Math.max(chunkSizeMin, plane.byteLength),
          }),
  decompress: (coded, bytes) => {
    checkZstdFrame(coded, bytes);
    return zstdDecompress === undefined
      ? decompressInJavaScript(coded)
      : zstdDecompress(coded, { maxOutputLength: bytes, chunkSize: Math.max(chunkSizeMin, bytes) });
  },
};

export const entropyCoders: Readonly<Record<PlaneCodec, EntropyCoder>> = {
  'planes-zlib': planesZlib,
  'planes-zstd': planesZstd,
};

/** What this Node.js writes: zstd where it has it, since it is three times as fast, else zlib. */
export const codecToWrite: PlaneCodec = planesZstd.compress === undefined ? 'planes-zlib' : 'planes-zstd';
