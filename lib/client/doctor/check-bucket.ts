import type { BucketSettings } from '../../fleet/storage-settings.ts';
import { type Check, pass, warn } from './check.ts';

/** Settings that guard a bucket. Jobs run without them, so none of them fails the check. */
export function checkBucket(read: (signal: AbortSignal) => Promise<BucketSettings>): Check {
  return {
    name: 'bucket',
    after: 'store',
    async run(signal) {
      const { isVersioned, blocksPublicAccess, encryption } = await read(signal);
      const missing = [
        ...(isVersioned === false ? ['is not versioned: what is deleted by mistake is gone'] : []),
        ...(blocksPublicAccess === false ? ['does not block public access'] : []),
        ...(encryption === 'none' ? ['has no encryption by default'] : []),
      ];
      if (missing.length > 0)
        return warn(
          `the bucket ${missing.join(', and ')}`,
          'let `holdfast up` make a bucket, or set it in the S3 console',
        );
      const unknown = [
        ...(isVersioned === undefined ? ['versioning'] : []),
        ...(blocksPublicAccess === undefined ? ['public access'] : []),
        ...(encryption === undefined ? ['encryption'] : []),
      ];
      const known = `versioned, public access blocked, encrypted (${encryption ?? '?'})`;
      return pass(
        unknown.length === 0 ? known : `not allowed to look at ${unknown.join(', ')}; nothing else is wrong`,
      );
    },
  };
}
