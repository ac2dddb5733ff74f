import { seededRandom } from '../../../../lib/base/random.ts';

/** Normally distributed float32 numbers with the scale of weights: the same for the same seed. */
export function bell(length: number, seed: number): Float32Array {
  const random = seededRandom(seed);
  return Float32Array.from({ length }, () => {
    const radius = Math.sqrt(-2 * Math.log(1 - random.next()));
    return 0.05 * radius * Math.cos(2 * Math.PI * random.next());
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
