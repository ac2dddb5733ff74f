/** Numbers as trained weights have them: full mantissas, a handful of exponents. Equal seeds give equal numbers. */
export function noise(length: number, seed: number): Float32Array {
  const values = new Float32Array(length);
  // Marsaglia's xorshift: a state of hundreds of megabytes must be made in a second.
  let state = (seed * 2_654_435_761) | 1;
  for (let at = 0; at < length; at++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    values[at] = (state / 2 ** 31) * 0.05;
  }
  return values;
}

/** As many bytes of it. */
export function noiseBytes(bytes: number, seed: number): Uint8Array {
  return new Uint8Array(noise(Math.ceil(bytes / 4), seed).buffer, 0, bytes);
}
