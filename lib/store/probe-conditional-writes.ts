import { UnfitError, remedyOf } from '../base/errors.ts';
import type { Random } from '../base/random.ts';
import { objectKeys } from '../contract/object-keys.ts';
import type { ObjectStore } from './object-store.ts';

/** Enough that a store which checks and then writes lets two through almost surely; few enough to cost nothing. */
const racers = 8;

/**
 * Makes sure that the store keeps its conditions: everything that Holdfast promises rests on them. Some emulators and
 * gateways accept `If-None-Match` and `If-Match` and ignore them.
 * @throws UnfitError when two concurrent creates of one key both succeed, or a stale ETag replaces
 * @throws TransientError when the store could not be asked
 */
export async function probeConditionalWrites(store: ObjectStore, random: Random): Promise<void> {
  const key = objectKeys.probe(random.hex(16));
  let fault: string | undefined;
  try {
    fault = (await faultOfCreate(store, key)) ?? (await faultOfReplace(store, key));
  } finally {
    await store.delete([key]);
  }
  if (fault === undefined) return;
  throw new UnfitError(`this store does not keep conditional writes: ${fault}.`, {
    facts: { store: store.uri, key },
    hint: 'Use Amazon S3 or a local directory, or a version of this server that honours If-None-Match and If-Match.',
  });
}

async function faultOfCreate(store: ObjectStore, key: string): Promise<string | undefined> {
  const claims = await Promise.allSettled(
    Array.from({ length: racers }, async (_, racer) => store.createIfAbsent(key, bytesOf(racer))),
  );
  // A refused or lost answer is no verdict: S3 answers 409 to some of such racers. Only the other errors end the probe.
  const failed = claims.filter((claim) => claim.status === 'rejected');
  for (const { reason } of failed) if (remedyOf(reason) !== 'retry') throw reason;
  const winners = claims.flatMap((claim, racer) =>
    claim.status === 'fulfilled' && claim.value.outcome === 'created' ? [racer] : [],
  );
  if (winners.length > 1) return `${winners.length} of ${racers} concurrent creates of one key all succeeded`;
  const [winner] = winners;
  if (winner === undefined) {
    if (failed[0] !== undefined) throw failed[0].reason;
    return `none of ${racers} concurrent creates of a new key succeeded`;
  }
  const found = await store.get(key);
  if (found === undefined) return 'an object that was created is not there';
  if (Buffer.compare(found.body, bytesOf(winner)) !== 0)
    return 'a create that was told "exists" replaced the object all the same';
  return undefined;
}

async function faultOfReplace(store: ObjectStore, key: string): Promise<string | undefined> {
  const before = await store.head(key);
  if (before === undefined) return 'an object that was created is not there';
  const { etag } = before;
  const fresh = await store.replaceIfMatch(key, bytesOf(racers), { etag });
  if (fresh.outcome !== 'replaced') return 'a replace with the current ETag was refused';
  const stale = await store.replaceIfMatch(key, bytesOf(racers + 1), { etag });
  if (stale.outcome !== 'changed') return 'a replace with a stale ETag succeeded';
  return undefined;
}

function bytesOf(racer: number): Uint8Array {
  return new TextEncoder().encode(`probe ${racer}\n`);
}
