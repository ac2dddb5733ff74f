import { assert } from '../../lib/base/assert.ts';

export interface TarEntry {
  /** Relative, with slashes, at most 100 bytes. */
  readonly path: string;
  readonly bytes: Uint8Array;
  readonly isExecutable: boolean;
}

const blockBytes = 512;
/** The format's field for a name. Longer ones need its prefix field, which nothing here asks for. */
const pathBytesMax = 100;

/**
 * A tar archive (POSIX ustar) of these files, in the order of their paths. The same files make the same bytes on every
 * machine and under every version of Node.js: no times, no owners, no compression.
 */
export function tarOf(entries: readonly TarEntry[]): Buffer {
  const sorted = entries.toSorted((one, other) => (one.path < other.path ? -1 : 1));
  const files = sorted.flatMap(({ path, bytes, isExecutable }) => [
    header(path, bytes.byteLength, isExecutable ? 0o755 : 0o644),
    bytes,
    Buffer.alloc((blockBytes - (bytes.byteLength % blockBytes)) % blockBytes),
  ]);
  // Two empty blocks say that the archive is whole.
  return Buffer.concat([...files, Buffer.alloc(2 * blockBytes)]);
}

/** A number as the format writes it. */
const octal = (value: number, digits: number): string => `${value.toString(8).padStart(digits, '0')}\0`;

function header(path: string, size: number, mode: number): Buffer {
  assert(Buffer.byteLength(path) <= pathBytesMax, 'a path fits the header of a tar archive', { path });
  const block = Buffer.alloc(blockBytes);
  block.write(path, 0);
  block.write(octal(mode, 7), 100);
  block.write(octal(0, 7), 108);
  block.write(octal(0, 7), 116);
  block.write(octal(size, 11), 124);
  block.write(octal(0, 11), 136);
  // The sum is taken with its own field full of spaces.
  block.write('        ', 148);
  block.write('0', 156);
  block.write('ustar\x0000', 257);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return block;
}
