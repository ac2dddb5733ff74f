import { UsageError } from '../lib/base/errors.ts';
import { parseObjectUri } from '../lib/contract/object-uri.ts';
import type { ReadOptions } from '../lib/store/object-store.ts';
import type { World } from './world.ts';

/**
 * The object at an address like `s3://bucket/key`, wherever that bucket is; undefined when it is not there.
 * @throws UsageError for an address that is none
 */
export async function readObject(
  world: World,
  uri: string,
  reading: ReadOptions = {},
): Promise<Uint8Array | undefined> {
  const place = parseObjectUri(uri);
  if (place === undefined) {
    throw new UsageError('no object is known by this address:', {
      facts: { uri },
      hint: 'An object is s3://bucket/key.',
    });
  }
  const store = await world.openStore(place.store);
  try {
    return (await store.get(place.key, reading))?.body;
  } finally {
    await store.close();
  }
}
