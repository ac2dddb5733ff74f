import { describe, expect, it } from 'vitest';
import { AccessDeniedError, TransientError } from '../../../lib/base/errors.ts';
import { seededRandom } from '../../../lib/base/random.ts';
import { MemoryObjectStore } from '../../../lib/store/memory-object-store.ts';
import type { ObjectStore } from '../../../lib/store/object-store.ts';
import { retryingObjectStore } from '../../../lib/store/retrying-object-store.ts';
import {
  type FaultRates,
  FaultyObjectStore,
  type ScriptedFault,
} from '../../../proof/rehearsal/faulty-object-store.ts';
import { type ManualClock, manualClock } from '../../support/manual-clock.ts';
import { describeObjectStore } from './object-store-contract.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

interface Setting {
  readonly clock: ManualClock;
  readonly inner: MemoryObjectStore;
  readonly faulty: FaultyObjectStore;
  readonly store: ObjectStore;
}

function setting(options: {
  readonly rates?: FaultRates;
  readonly script?: readonly ScriptedFault[];
}): Setting {
  const clock = manualClock();
  const inner = new MemoryObjectStore({ clock });
  const faulty = new FaultyObjectStore(inner, { random: seededRandom(1), ...options });
  const store = retryingObjectStore(faulty, { clock, random: seededRandom(2) });
  return { clock, inner, faulty, store };
}

/** The result of a call that waits on the manual clock; a minute is more than all tries of one call. */
async function patiently<Result>({ clock }: Setting, call: Promise<Result>): Promise<Result> {
  const settled = Promise.allSettled([call]);
  await clock.advance(60_000);
  await settled;
  return call;
}

describeObjectStore('retryingObjectStore over a sound store', async () => ({
  store: setting({}).store,
  cleanUp: async () => {},
}));

describe('retryingObjectStore', () => {
  const method = ['get', 'head', 'list', 'put', 'copy', 'delete'] as const;

  it.each(method)('tries %s again until it succeeds', async (name) => {
    const at = setting({ script: [1, 2, 3].map((nth) => ({ method: name, nth, fault: 'unavailable' })) });
    await at.inner.put('a/key', bytes('old'));
    const calls = {
      get: async () => at.store.get('a/key'),
      head: async () => at.store.head('a/key'),
      list: async () => at.store.list('a/'),
      put: async () => at.store.put('a/key', bytes('new')),
      copy: async () => at.store.copy('a/key', 'b/key'),
      delete: async () => at.store.delete(['a/key']),
    };
    const pending = calls[name]();
    await at.clock.advance(0);
    expect(at.clock.sleepers).toBe(1);
    await patiently(at, Promise.resolve<unknown>(pending));
    expect(at.faulty.calls[name]).toBe(4);
  });

  it('repeats a put whose answer was lost', async () => {
    const at = setting({ script: [{ method: 'put', nth: 1, fault: 'lost-answer' }] });
    const written = await patiently(at, at.store.put('key', bytes('x')));
    expect((await at.inner.head('key'))?.etag).toBe(written.etag);
    expect(at.faulty.calls.put).toBe(2);
  });

  it('gives up after its tries, with the last error', async () => {
    const at = setting({ rates: { unavailable: 1 } });
    await expect(patiently(at, at.store.get('key'))).rejects.toBeInstanceOf(TransientError);
    expect(at.faulty.calls.get).toBe(7);
  });

  it('tries conditional writes again that were certainly not applied', async () => {
    const at = setting({
      script: [
        { method: 'createIfAbsent', nth: 1, fault: 'refused' },
        { method: 'replaceIfMatch', nth: 1, fault: 'refused' },
      ],
    });
    const created = await patiently(at, at.store.createIfAbsent('key', bytes('one')));
    const etag = created.outcome === 'created' ? created.etag : '';
    expect((await patiently(at, at.store.replaceIfMatch('key', bytes('two'), { etag }))).outcome).toBe(
      'replaced',
    );
    expect(at.faulty.faults).toHaveLength(2);
  });

  it.each(['lost-answer', 'unavailable', 'lands-late'] as const)(
    'surfaces a conditional write with an unknown end (%s) after one try: only its caller can tell whose it is',
    async (fault) => {
      const at = setting({
        script: [
          { method: 'createIfAbsent', nth: 1, fault },
          { method: 'replaceIfMatch', nth: 1, fault },
        ],
      });
      const { etag } = await at.inner.put('other', bytes('one'));
      await expect(patiently(at, at.store.createIfAbsent('key', bytes('x')))).rejects.toMatchObject({
        applied: 'unknown',
      });
      const replace = at.store.replaceIfMatch('other', bytes('two'), { etag });
      await expect(patiently(at, replace)).rejects.toBeInstanceOf(TransientError);
      expect(at.faulty.calls).toMatchObject({ createIfAbsent: 1, replaceIfMatch: 1 });
    },
  );

  it('surfaces the unknown end also when it follows a refusal', async () => {
    const at = setting({
      script: [
        { method: 'createIfAbsent', nth: 1, fault: 'refused' },
        { method: 'createIfAbsent', nth: 2, fault: 'lost-answer' },
      ],
    });
    const create = at.store.createIfAbsent('key', bytes('x'));
    await expect(patiently(at, create)).rejects.toMatchObject({ applied: 'unknown' });
    expect(at.faulty.calls.createIfAbsent).toBe(2);
  });

  it('does not try again what a second try cannot mend', async () => {
    const at = setting({});
    let calls = 0;
    at.inner.get = async () => {
      calls++;
      throw new AccessDeniedError('no');
    };
    await expect(at.store.get('key')).rejects.toBeInstanceOf(AccessDeniedError);
    expect(calls).toBe(1);
  });

  it('ends a wait as soon as the signal is aborted', async () => {
    const at = setting({ rates: { unavailable: 1 } });
    const abort = new AbortController();
    const pending = at.store.get('key', { signal: abort.signal });
    await at.clock.advance(0);
    abort.abort(new Error('deadline'));
    await expect(pending).rejects.toThrow('deadline');
    expect(at.clock.sleepers).toBe(0);
  });

  it('keeps the name of the store', () => {
    const { store, inner } = setting({});
    expect(store.uri).toBe(inner.uri);
  });
});
