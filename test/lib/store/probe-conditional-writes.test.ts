import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { AccessDeniedError, TransientError, UnfitError } from '../../../lib/base/errors.ts';
import { seededRandom } from '../../../lib/base/random.ts';
import { MemoryObjectStore } from '../../../lib/store/memory-object-store.ts';
import { probeConditionalWrites } from '../../../lib/store/probe-conditional-writes.ts';
import { FaultyObjectStore } from '../../../proof/rehearsal/faulty-object-store.ts';

const probe = async (store: MemoryObjectStore | FaultyObjectStore): Promise<void> =>
  probeConditionalWrites(store, seededRandom(1));

/** Accepts the header and ignores it. */
class IgnoresCreateCondition extends MemoryObjectStore {
  override createIfAbsent: MemoryObjectStore['createIfAbsent'] = async (key, body) => ({
    outcome: 'created',
    ...(await this.put(key, body)),
  });
}

/** Looks, then writes: right for one caller, wrong for two. */
class LooksThenCreates extends MemoryObjectStore {
  override createIfAbsent: MemoryObjectStore['createIfAbsent'] = async (key, body) => {
    const isThere = (await this.head(key)) !== undefined;
    await turn();
    return isThere ? { outcome: 'exists' } : { outcome: 'created', ...(await this.put(key, body)) };
  };
}

/** Tells the truth about who was first, and overwrites all the same. */
class OverwritesOnExists extends MemoryObjectStore {
  override createIfAbsent: MemoryObjectStore['createIfAbsent'] = async (key, body) => {
    const told = await super.createIfAbsent(key, body);
    if (told.outcome === 'exists') await this.put(key, body);
    return told;
  };
}

class NeverCreates extends MemoryObjectStore {
  override createIfAbsent: MemoryObjectStore['createIfAbsent'] = async () => ({ outcome: 'exists' });
}

class IgnoresEtag extends MemoryObjectStore {
  override replaceIfMatch: MemoryObjectStore['replaceIfMatch'] = async (key, body) => ({
    outcome: 'replaced',
    ...(await this.put(key, body)),
  });
}

class NeverReplaces extends MemoryObjectStore {
  override replaceIfMatch: MemoryObjectStore['replaceIfMatch'] = async () => ({ outcome: 'changed' });
}

describe('probeConditionalWrites', () => {
  it('passes a store that keeps its conditions, and leaves nothing behind', async () => {
    const store = new MemoryObjectStore();
    await probe(store);
    expect((await store.list('')).objects).toEqual([]);
  });

  it.each([
    ['ignores the condition of a create', IgnoresCreateCondition, '8 of 8'],
    ['looks before it creates', LooksThenCreates, '8 of 8'],
    ['overwrites what exists', OverwritesOnExists, 'replaced the object all the same'],
    ['creates nothing', NeverCreates, 'none of 8'],
    ['ignores the ETag of a replace', IgnoresEtag, 'stale ETag succeeded'],
    ['never replaces', NeverReplaces, 'current ETag was refused'],
  ])('refuses a store that %s, with a hint, and deletes its probe', async (_, Store, why) => {
    const store = new Store();
    const failure = probe(store);
    await expect(failure).rejects.toBeInstanceOf(UnfitError);
    await expect(failure).rejects.toThrow(why);
    await expect(failure).rejects.toMatchObject({ hint: expect.stringContaining('If-None-Match') });
    expect((await store.list('')).objects).toEqual([]);
  });

  it('takes refused racers for what they are: S3 answers 409 to some of them', async () => {
    const script = [1, 3, 4].map((nth) => ({ method: 'createIfAbsent', nth, fault: 'refused' }) as const);
    const store = new FaultyObjectStore(new MemoryObjectStore(), { random: seededRandom(1), script });
    await probe(store);
    expect(store.faults).toHaveLength(3);
  });

  it('gives no verdict on a store that did not answer', async () => {
    const store = new FaultyObjectStore(new MemoryObjectStore(), {
      random: seededRandom(1),
      rates: { unavailable: 1 },
    });
    await expect(probe(store)).rejects.toBeInstanceOf(TransientError);
  });

  it('passes on that access was denied', async () => {
    const store = new MemoryObjectStore();
    store.createIfAbsent = async () => Promise.reject(new AccessDeniedError('no'));
    await expect(probe(store)).rejects.toBeInstanceOf(AccessDeniedError);
  });
});
