import { sha256Hex, type Sha256 } from '../base/digest.ts';
import { CorruptionError } from '../base/errors.ts';

/**
 * What S3 does with a stated checksum, for drivers without a server: other bytes are refused before anything is written.
 * @throws CorruptionError when `body` does not hash to `stated`
 */
export function checkDigest(key: string, body: Uint8Array, stated: Sha256 | undefined): void {
  if (stated === undefined) return;
  const actual = sha256Hex(body);
  if (actual === stated) return;
  throw new CorruptionError('the bytes to write do not hash to the SHA-256 stated with them.', {
    facts: { key, stated, actual },
    hint: 'The bytes changed in memory or on the local disk after they were hashed; check this machine.',
  });
}
