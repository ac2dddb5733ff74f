import { createHash, randomBytes } from 'node:crypto';
import { xoroshiro128plusFromState } from 'pure-rand/generator/xoroshiro128plus';

/** Chance as a dependency: retry jitter, nonces, job ids. Training's randomness is apart (lib/training/random-streams.ts). */
export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
  /** `bytes` random bytes in lower-case hexadecimal. */
  hex(bytes: number): string;
}

/** The machine's own source, for production. */
export const systemRandom: Random = {
  next: () => randomBytes(6).readUIntBE(0, 6) / 2 ** 48,
  hex: (bytes) => randomBytes(bytes).toString('hex'),
};

/** Same seed, same sequence: for tests, simulations and anything that must be replayed. */
export function seededRandom(seed: number): Random {
  // The generator's first numbers resemble each other where its seeds do, so it starts from their digest.
  const digest = createHash('sha256').update(String(seed)).digest();
  const generator = xoroshiro128plusFromState([0, 4, 8, 12].map((at) => digest.readInt32LE(at)));
  const next = (): number => (generator.next() >>> 0) / 2 ** 32;
  return {
    next,
    hex: (bytes) =>
      Array.from({ length: bytes }, () =>
        Math.floor(next() * 256)
          .toString(16)
          .padStart(2, '0'),
      ).join(''),
  };
}
