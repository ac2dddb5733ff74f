import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { seededRandom } from '../../../../lib/base/random.ts';

/** Bell-shaped float32 numbers with the scale of weights. The same for the same seed on any machine: sums, no logarithms. */
export function bell(length: number, seed: number): Float32Array {
  const random = seededRandom(seed);
  return Float32Array.from({ length }, () => {
    let sum = -3;
    for (let die = 0; die < 6; die++) sum += random.next();
    return 0.05 * sum;
  });
}

export function bytesOf(array: { readonly buffer: ArrayBufferLike }): Uint8Array {
  return new Uint8Array(array.buffer);
}

/** Bytes that nothing makes smaller. */
export function noise(length: number, seed: number): Uint8Array {
  const random = seededRandom(seed);
  return Uint8Array.from({ length }, () => Math.floor(random.next() * 256));
}

/** Coded chunks that Node.js 22 wrote. */
export const goldenChunks: string = join(import.meta.dirname, '..', '..', '..', 'golden', 'v2', 'chunks');

export function goldenChunk(name: string, codec: string): Uint8Array {
  return new Uint8Array(readFileSync(join(goldenChunks, `${name}.${codec}`)));
}
